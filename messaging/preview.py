"""A text as staff check it before it is sent: filled with samples, counted in parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.utils.translation import gettext as _

from messaging.models import ProviderAccount
from messaging.rendering import compile_template, format_values
from messaging.text import Parts, count_parts

SAMPLES = {
    "amount": Decimal("12345.60"),
    "due_on": date(2026, 11, 21),
    "send_on": date(2026, 11, 18),
    "link": "https://s.example.com/s/Ab3dEf9h",
}
NAMES = {"en": "Jan Novak"}


@dataclass(frozen=True, slots=True)
class Preview:
    """A filled text with its signature, and what it costs under both rules."""

    text: str
    fields: tuple[str, ...]
    gsm: Parts
    china: Parts


def preview(
    text: str,
    *,
    language: str,
    footer: str = "",
    values: Mapping[str, str] | None = None,
) -> Preview:
    """Fill the text; fields without a value get a sample. Raises BadTemplate."""
    compiled = compile_template(text, signature=house_signature(), footer=footer)
    samples = _samples(compiled.fields, language)
    filled = compiled.render({**samples, **(values or {})})
    return Preview(
        filled,
        compiled.fields,
        count_parts(filled, rule="gsm"),
        count_parts(filled, rule="china"),
    )


def check_signature_free(text: str) -> None:
    """Raises ValueError for a text that brings its own signature."""
    if "【" in text or "】" in text:
        raise ValueError(
            _("Leave 【】 out: the account's signature is set before the text.")
        )


def house_signature() -> str:
    """The signature most SMS go out with: of the enabled account that weighs most."""
    account = ProviderAccount.objects.for_sms().first()
    return account.signature if account else ""


def _samples(fields: tuple[str, ...], language: str) -> dict[str, str]:
    known = {**SAMPLES, "name": NAMES.get(language, "王小明")}
    values = {name: known.get(name, f"[{name}]") for name in fields}
    return format_values(values, language=language)
