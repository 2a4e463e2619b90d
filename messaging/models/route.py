from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from .account import ProviderAccount
from .template import MessageType

# "+86134-139": from 134 to 139, both with as many digits.
_RANGE = re.compile(r"\+(?P<start>[1-9]\d{0,14})(?:-(?P<end>\d{1,14}))?").fullmatch
MOST = 1000


def prefixes_of(text: str) -> tuple[str, ...]:
    """`"+86134-139, +852"` -> `("+86134", ..., "+86139", "+852")`; "" is no prefix.

    Raises ValueError for what is no list of prefixes.
    """
    parts = filter(None, re.split(r"[\s,;，；、]+", text))
    found = [prefix for part in parts for prefix in _expanded(part)]
    if len(found) > MOST:
        raise ValueError(_("More than %d prefixes: write shorter ones.") % MOST)
    return tuple(dict.fromkeys(found))


def _expanded(part: str) -> list[str]:
    written = _RANGE(part)
    if not written:
        raise ValueError(_("Write prefixes as +86134 or +86134-139, not “%s”.") % part)
    start, end = written["start"], written["end"]
    if end is None:
        return [f"+{start}"]
    head, first = start[: -len(end)], int(start[-len(end) :])
    if len(end) >= len(start) or not first < int(end) < first + MOST:
        raise ValueError(_("“%s” does not lead upwards.") % part)
    width = len(end)
    return [f"+{head}{number:0{width}}" for number in range(first, int(end) + 1)]


def check_numbers(text: str) -> None:
    try:
        prefixes_of(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


class Route(models.Model):
    """What an account is for: SMS of a type, to a range of numbers, or both.

    An account with routes takes only what they name; one without takes everything. Where
    several accounts may take an SMS, those with the longest prefix come first, then those
    that name its type.
    """

    account = models.ForeignKey(
        ProviderAccount,
        on_delete=models.CASCADE,
        related_name="routes",
        verbose_name=_("provider account"),
    )
    message_type = models.ForeignKey(
        MessageType,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        verbose_name=_("message type"),
        help_text=_("Empty: every type."),
    )
    numbers = models.CharField(
        _("numbers"),
        max_length=400,
        blank=True,
        validators=[check_numbers],
        help_text=_("Prefixes: +86134-139, +852. Empty: every number."),
    )

    class Meta:
        verbose_name = _("route")
        verbose_name_plural = _("routes")
        ordering = ["id"]

    def __str__(self) -> str:
        said: list[Any] = [self.message_type or _("every type")]
        return ", ".join(map(str, [*said, self.numbers or _("every number")]))

    @property
    def prefixes(self) -> tuple[str, ...]:
        """The prefixes that it names; one empty prefix for every number."""
        return prefixes_of(self.numbers) or ("",)
