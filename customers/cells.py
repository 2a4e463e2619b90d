"""The cells of an imported row, read. Errors never repeat personal data."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.platform.imports import RowError

YES = frozenset({"yes", "y", "true", "t", "1", "是", "同意", "有"})
NO = frozenset({"no", "n", "false", "f", "0", "否", "不同意", "无"})
_LANGUAGES = {
    "zh": "zh-hans",
    "zh-cn": "zh-hans",
    "cn": "zh-hans",
    "chinese": "zh-hans",
    "中文": "zh-hans",
    "english": "en",
    "英文": "en",
    "英语": "en",
}
DATE_FORMATS = (
    ("%Y-%m-%d", gettext_lazy("2026-11-21")),
    ("%Y/%m/%d", gettext_lazy("2026/11/21")),
    ("%d.%m.%Y", gettext_lazy("21.11.2026 (day first)")),
    ("%d/%m/%Y", gettext_lazy("21/11/2026 (day first)")),
    ("%m/%d/%Y", gettext_lazy("11/21/2026 (month first)")),
    ("%Y%m%d", gettext_lazy("20261121")),
    ("%y%m%d", gettext_lazy("261121")),
)
MOST = Decimal(10) ** 12


def yes_no(row: dict[str, str], field: str) -> bool | None:
    """True, False, or None for an empty cell. Raises RowError."""
    word = row.get(field, "").lower()
    if word in YES:
        return True
    if word in NO:
        return False
    if word:
        raise RowError(field, _("Write yes or no (是, 否, 1 and 0 will do too)."))
    return None


def moment(row: dict[str, str], field: str, date_format: str) -> datetime | None:
    """A date, or a date with its time; without a zone it is local. Raises RowError."""
    text = row.get(field, "")
    if not text:
        return None
    read = _iso(text) if "-" in text else _formatted(text, date_format)
    if read is None:
        shown = dict(DATE_FORMATS).get(date_format, date_format)
        raise RowError(
            field, _("It is not a date of the chosen form, such as %s.") % shown
        )
    return read if timezone.is_aware(read) else timezone.make_aware(read)


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _formatted(text: str, date_format: str) -> datetime | None:
    for form in (date_format, f"{date_format} %H:%M", f"{date_format} %H:%M:%S"):
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007  made aware by `moment`
        except ValueError:
            continue
    return None


def amount(row: dict[str, str], field: str) -> Decimal | None:
    """`1,234.50` or `1234.5`; None for an empty cell. Raises RowError."""
    text = row.get(field, "").replace(",", "").replace(" ", "")
    if not text:
        return None
    try:
        value = Decimal(text)
        if value.is_finite() and 0 <= value < MOST and value == round(value, 2):
            return value
    except InvalidOperation:
        pass
    raise RowError(
        field, _("It is not an amount: write it like 1234.50, two decimals at most.")
    )


def language(row: dict[str, str], field: str) -> str:
    """One of our languages by code or name; "" for an empty cell. Raises RowError."""
    word = row.get(field, "").lower().replace("_", "-")
    code = _LANGUAGES.get(word, word)
    codes = [code for code, _name in settings.LANGUAGES]
    if code and code not in codes:
        raise RowError(
            field, _("There is no such language: use %s.") % ", ".join(codes)
        )
    return code


def length(row: dict[str, str], field: str, most: int) -> str:
    """Text of at most so many characters. Raises RowError."""
    text = row.get(field, "")
    if len(text) > most:
        raise RowError(field, _("It is too long: %d characters at most.") % most)
    return text
