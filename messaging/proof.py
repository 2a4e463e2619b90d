"""A text as its writer sees it: on a customer's phone, counted, priced, with advice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from backoffice.kit.masking import mask_name, mask_text
from messaging import advice
from messaging.advice import Advice, Word
from messaging.audience import Audience, Person
from messaging.fields import Field, check_fields, known_fields, own_fields, samples
from messaging.models import ForbiddenWord, MessageType, ProviderAccount
from messaging.preview import check_signature_free
from messaging.rendering import Compiled, compile_template
from messaging.template_channel import default_variables, problems
from messaging.text import Parts, Rule, count_parts, split_parts
from messaging.transports import transport


@dataclass(frozen=True, slots=True)
class Proof:
    """What the editor shows. Without a `text` it cannot be filled: `advice` says why.

    `pieces` is the text as it is cut into parts; one piece where the cut cannot be shown
    in a masked text. `cost` and `worst_cost` are of one SMS, None where no price is set.
    """

    known: Mapping[str, Field]
    advice: tuple[Advice, ...]
    account: ProviderAccount | None = None
    person: Person | None = None
    is_revealed: bool = False
    signature: str = ""
    footer: str = ""
    text: str = ""
    pieces: tuple[str, ...] = ()
    counted: Parts | None = None
    worst: Parts | None = None
    people: int = 0
    fields: tuple[str, ...] = field(default_factory=tuple)

    @property
    def cost(self) -> Decimal | None:
        return _price(self.account, self.counted)

    @property
    def worst_cost(self) -> Decimal | None:
        return _price(self.account, self.worst)

    @property
    def price(self) -> str:
        return _plain(self.cost)

    @property
    def worst_price(self) -> str:
        return _plain(self.worst_cost)

    @property
    def fill(self) -> int:
        """Percent of its last part that the text takes."""
        if not self.counted or not self.counted.parts:
            return 0
        filled = self.counted.units + self.counted.room_left
        return 100 * self.counted.units // (filled or 1)


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that is being written."""

    text: str
    language: str
    kind: MessageType

    @property
    def footer(self) -> str:
        return self.kind.footer(self.language)


def proof(
    draft: Draft,
    account: ProviderAccount | None,
    audience: Audience,
    person: Person | None,
    *,
    is_revealed: bool = False,
) -> Proof:
    """Fill the text for a customer and say everything about it; never raises."""
    known = known_fields(draft.kind)
    signature = account.signature if account else ""
    try:
        compiled = _compiled(draft, known, signature)
    except ValueError as error:
        stop = Advice("stop", str(error))
        return Proof(known, (stop,), account, person, signature=signature)
    rule = rule_of(account)
    shown = _Shown.of(compiled, draft, known, person, is_revealed=is_revealed)
    own = own_fields(compiled.fields, known)
    return Proof(
        known=known,
        advice=tuple(_advice(draft, account, audience, shown, own)),
        account=account,
        person=person,
        is_revealed=is_revealed,
        signature=signature,
        footer=draft.footer,
        text=shown.text,
        pieces=shown.pieces(rule),
        counted=count_parts(shown.real, rule=rule),
        worst=worst(compiled, shown.samples, audience, own, rule),
        people=len(audience.people),
        fields=compiled.fields,
    )


def rule_of(account: ProviderAccount | None) -> Rule:
    return "china" if account and account.parts_rule == "china" else "gsm"


def worst(
    compiled: Compiled,
    shared: Mapping[str, str],
    audience: Audience,
    own: list[str],
    rule: Rule,
) -> Parts | None:
    """The most parts that a mixture of the audience's values makes; None for nobody."""
    if not audience.people:
        return None
    texts = [compiled.render({**shared, **values}) for values in audience.longest(own)]
    counted = [count_parts(text, rule=rule) for text in texts]
    return max(counted, key=lambda parts: (parts.parts, parts.units))


@dataclass(frozen=True, slots=True)
class _Shown:
    """The text with the real values, to be counted, and as its reader may see it."""

    real: str
    text: str
    samples: Mapping[str, str]

    @classmethod
    def of(
        cls,
        compiled: Compiled,
        draft: Draft,
        known: Mapping[str, Field],
        person: Person | None,
        *,
        is_revealed: bool,
    ) -> _Shown:
        shared = samples(compiled.fields, known, language=draft.language)
        own = own_fields(compiled.fields, known) if person else []
        given = person.values(own) if person else {}
        values = shared | {name: f"[{name}]" for name in own} | given
        masked = {} if is_revealed else {n: _masked(n, v) for n, v in given.items()}
        return cls(compiled.render(values), compiled.render(values | masked), shared)

    def pieces(self, rule: Rule) -> tuple[str, ...]:
        parts = split_parts(self.real, rule=rule)
        if len(self.real) != len(self.text):
            return (self.text,)
        ends = [sum(map(len, parts[: n + 1])) for n in range(len(parts))]
        return tuple(
            self.text[begin:end] for begin, end in zip([0, *ends], ends, strict=False)
        )


def stops(draft: Draft) -> list[str]:
    """Why the text may not be published, in sentences; empty where it may."""
    try:
        _compiled(draft, known_fields(draft.kind), "")
    except ValueError as error:  # BadTemplate is one
        return [str(error)]
    return [one.words for one in _on_text(draft) if one.level == "stop"]


def _compiled(draft: Draft, known: Mapping[str, Field], signature: str) -> Compiled:
    check_signature_free(draft.text)
    check_fields(draft.text, known)
    return compile_template(draft.text, signature=signature, footer=draft.footer)


def _masked(name: str, value: str) -> str:
    return mask_name(value) if name == "name" else mask_text(value)


def _advice(
    draft: Draft,
    account: ProviderAccount | None,
    audience: Audience,
    shown: _Shown,
    own: list[str],
) -> Iterator[Advice]:
    rule = rule_of(account)
    yield from _on_text(draft)
    yield from _on_account(draft, account)
    yield from _on_gaps(audience, own)
    yield from advice.on_length(shown.real, rule)
    signature = account.signature if account else ""
    unsigned = shown.real.removeprefix(f"【{signature}】")
    yield from advice.on_characters(draft.text, unsigned, signature, rule)


def _on_text(draft: Draft) -> Iterator[Advice]:
    yield from advice.on_words(draft.text, forbidden_words())
    yield from advice.on_footer(
        draft.text, draft.footer, is_marketing=draft.kind.is_marketing
    )


def _on_account(draft: Draft, account: ProviderAccount | None) -> Iterator[Advice]:
    if account is None:
        yield Advice("warn", _("No SMS provider account is enabled."))
        return
    yield from advice.on_signature(account.signature, rule_of(account))
    if transport(account.transport).mode == "template":
        links = [
            one.name for one in known_fields(draft.kind).values() if one.kind == "link"
        ]
        for problem in problems(draft.text, default_variables(draft.text), links=links):
            yield Advice("warn", f"{account}: {problem}")


def _on_gaps(audience: Audience, own: list[str]) -> Iterator[Advice]:
    """Fields that some customers lack: their SMS would be stopped (A4)."""
    for name, count in audience.lacking(own).items():
        said = ngettext(
            "%(count)d of %(people)d customers has no {%(name)s}: no SMS for them.",
            "%(count)d of %(people)d customers have no {%(name)s}: no SMS for them.",
            count,
        )
        people = len(audience.people)
        yield Advice("warn", said % {"count": count, "people": people, "name": name})


def forbidden_words() -> list[Word]:
    return [
        Word(row.word, row.why, row.effect == ForbiddenWord.Effect.REFUSE)
        for row in ForbiddenWord.objects.all()
    ]


def _plain(price: Decimal | None) -> str:
    """ "0.09" for 0.09000; "" for none."""
    return "" if price is None else f"{price.normalize():f}"


def _price(account: ProviderAccount | None, parts: Parts | None) -> Decimal | None:
    if account is None or account.cost is None or parts is None:
        return None
    return account.cost * parts.parts
