"""Conditions on a customer's facts, as JSON: `{"all": [..]}`, `{"any": [..]}`, `{"not": ..}`,
`{"fact": "blacklisted", "is": true}`; `{}` always holds.

One tree, two readings held equal by a property test: `to_q` selects with it in SQL,
`holds` is its oracle in Python. A customer without credit facts has none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .models import CreditFacts, CreditLine

Tree = Mapping[str, Any]

DEEPEST = 20
ANYWHERE = Q()
EVERYONE, NOBODY = ~Q(pk__in=[]), Q(pk__in=[])


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact: how it is called, and either its column of CreditFacts or a kind of line."""

    label: Any
    column: str = ""
    line: str = ""

    def q(self, *, is_true: bool, within: Q) -> Q:
        """Over Customer. Never SQL's NOT over a join: NULL would make it neither."""
        if self.line:
            lines = self._open_lines(within)
            return Q(lines if is_true else ~lines)
        if is_true:
            return Q(**{f"credit__{self.column}": True})
        return Q(**{f"credit__{self.column}": False}) | Q(credit__isnull=True)

    def expression(self, *, within: Q) -> Any:
        """The fact's value, to annotate Customer with."""
        if self.line:
            return self._open_lines(within)
        return Coalesce(F(f"credit__{self.column}"), Value(False))

    def _open_lines(self, within: Q) -> Exists:
        lines = CreditLine.objects.filter(within, customer=OuterRef("pk"), is_open=True)
        return Exists(lines.filter(kind=self.line))


CREDIT_FACTS = tuple(
    field.name
    for field in CreditFacts._meta.get_fields()
    if getattr(field, "get_internal_type", str)() == "BooleanField"
)

FACTS: dict[str, Fact] = {
    name: Fact(CreditFacts._meta.get_field(name).verbose_name, column=name)  # type: ignore[union-attr]
    for name in CREDIT_FACTS
} | {
    "has_light_line": Fact(gettext_lazy("has an open light-asset line"), line="light"),
    "has_heavy_line": Fact(gettext_lazy("has an open heavy-asset line"), line="heavy"),
}


def to_q(tree: Tree, *, wanted: bool = True, within: Q = ANYWHERE) -> Q:
    """The customers for whom the tree holds (or, with `wanted` false, does not).

    `within` bounds the rows that are looked at, by their `customer`: who asks for a chunk
    says so here too, or the planner reads the whole table of credit lines for it.
    """
    if not tree:
        return EVERYONE if wanted else NOBODY
    if "fact" in tree:
        return FACTS[tree["fact"]].q(is_true=tree["is"] is wanted, within=within)
    if "not" in tree:
        return to_q(tree["not"], wanted=not wanted, within=within)
    together = ("all" in tree) is wanted
    inner = tree.get("all", tree.get("any", []))
    parts = [to_q(part, wanted=wanted, within=within) for part in inner]
    if together:
        return reduce(and_, parts, EVERYONE)
    return reduce(or_, parts, NOBODY)


def holds(tree: Tree, facts: Mapping[str, bool]) -> bool:
    """Whether the tree holds for one customer's facts; a fact that is absent is false."""
    if not tree:
        return True
    if "fact" in tree:
        return facts.get(tree["fact"], False) is tree["is"]
    if "not" in tree:
        return not holds(tree["not"], facts)
    if "all" in tree:
        return all(holds(part, facts) for part in tree["all"])
    return any(holds(part, facts) for part in tree["any"])


def describe(tree: Tree) -> str:
    """The tree in words, for staff."""
    if not tree:
        return _("always")
    if "fact" in tree:
        label = str(FACTS[tree["fact"]].label)
        return label if tree["is"] else _("not %s") % label
    if "not" in tree:
        return _("not (%s)") % describe(tree["not"])
    word = _(" and ") if "all" in tree else _(" or ")
    parts = tree.get("all", tree.get("any", []))
    return word.join(_bracketed(part) for part in parts)


def _bracketed(tree: Tree) -> str:
    words = describe(tree)
    return f"({words})" if "all" in tree or "any" in tree else words


def check(tree: Any, at: str = "", depth: int = 0) -> None:
    """Raises ValueError, naming the place, for anything that is not a condition."""
    place = at or _("The condition")
    if not isinstance(tree, dict):
        raise ValueError(_("%s: write an object in braces.") % place)
    if depth > DEEPEST:
        raise ValueError(_("%s: too deep.") % place)
    words = set(tree)
    if words == {"fact", "is"}:
        _check_fact(tree, place)
    elif words == {"not"}:
        check(tree["not"], _join(at, "not"), depth + 1)
    elif words in ({"all"}, {"any"}):
        _check_list(tree, at, depth)
    elif words:
        text = _(
            "%(place)s: use one of all, any, not, or fact with is, not “%(words)s”."
        )
        raise ValueError(text % {"place": place, "words": ", ".join(sorted(words))})


def _check_fact(tree: Tree, place: str) -> None:
    if tree["fact"] not in FACTS:
        text = _("%(place)s: no fact is called “%(fact)s”. There are: %(all)s.")
        raise ValueError(
            text % {"place": place, "fact": tree["fact"], "all": ", ".join(FACTS)}
        )
    if not isinstance(tree["is"], bool):
        raise ValueError(_("%s: “is” must be true or false.") % place)


def _check_list(tree: Tree, at: str, depth: int) -> None:
    [(word, parts)] = tree.items()
    place = _join(at, word)
    if not isinstance(parts, list) or not parts:
        raise ValueError(_("%s: write a list with at least one condition.") % place)
    for number, part in enumerate(parts, start=1):
        check(part, f"{place}[{number}]", depth + 1)


def _join(at: str, word: str) -> str:
    return f"{at}.{word}" if at else word
