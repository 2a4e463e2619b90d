"""Why a notice is held and which keywords decided, in the reader's words."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from backoffice.kit.words import listed
from campaigns.models import Notice
from messaging.models import MessageType

FIELDS = {
    "name": pgettext_lazy("of a person", "name"),
    "amount": gettext_lazy("amount"),
    "due_on": gettext_lazy("repayment date"),
    "send_on": gettext_lazy("send date"),
}


def hold_words(hold: str, detail: str) -> str:
    """`detail` holds codes of types, fields or languages; a date stays as it is."""
    label = str(Notice.Hold(hold).label) if hold else ""
    if hold == Notice.Hold.MISMATCH:
        return f"{label}: {'; '.join(map(_difference, detail.split('; ')))}"
    codes = detail.split(", ") if detail else []
    names = {**_types(codes), **FIELDS, **dict(settings.LANGUAGES)}
    words = listed(names.get(code, code) for code in codes)
    return f"{label}: {words}" if words else label


def _difference(row: str) -> str:
    """ "amount: 1,243.50元 ≠ 1,234.50" in the reader's words."""
    field, _colon, rest = row.partition(": ")
    stated, _sign, given = rest.partition(" ≠ ")
    return _("%(field)s “%(stated)s” in the text, %(given)s given") % {
        "field": FIELDS.get(field, field),
        "stated": stated,
        "given": given,
    }


def hit_words(hits: Iterable[Iterable[str]]) -> str:
    """Each keyword that was found, with the type it stands for."""
    pairs = [tuple(hit) for hit in hits]
    names = _types([code for _word, code in pairs])
    rows = ((word, names.get(code, code)) for word, code in pairs)
    return format_html_join(", ", "“{}” → {}", rows) or "-"


def _types(codes: Iterable[str]) -> dict[str, str]:
    found = MessageType.objects.filter(code__in=[*codes])
    return {kind.code: str(kind) for kind in found}
