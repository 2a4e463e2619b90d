from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .account import ProviderAccount


class QuietHours(models.Model):
    """When nobody is disturbed on a channel, by the customer's own clock.

    Marketing SMS and verification calls wait; a service notice does not. The hours of a
    day hold on that day: 21:00 to 08:00 means before 08:00 and from 21:00 on.
    """

    class Days(models.TextChoices):
        EVERY = "every", _("every day")
        WORKING = "working", _("working days")
        OFF = "off", _("days off")

    channel = models.CharField(
        _("channel"), max_length=5, choices=ProviderAccount.Channel.choices
    )
    days = models.CharField(_("days"), max_length=7, choices=Days.choices)
    start = models.TimeField(pgettext_lazy("of a time of day", "from"))
    end = models.TimeField(
        pgettext_lazy("of a time of day", "until"),
        help_text=_("The same as the beginning: the whole day."),
    )

    class Meta:
        verbose_name = _("quiet hours")
        verbose_name_plural = _("quiet hours")
        ordering = ["channel", "days", "start"]

    def __str__(self) -> str:
        return f"{self.get_channel_display()}: {self.start:%H:%M}–{self.end:%H:%M}"


class SpecialDay(models.Model):
    """A holiday, or a weekend day on which people work: China sets both anew each year."""

    day = models.DateField(_("day"), unique=True)
    is_working = models.BooleanField(
        _("people work"),
        default=False,
        help_text=_("A weekend day that is worked to make up for a holiday."),
    )
    name = models.CharField(_("name"), max_length=80)

    class Meta:
        verbose_name = _("holiday or working weekend")
        verbose_name_plural = _("holidays and working weekends")
        ordering = ["-day"]

    def __str__(self) -> str:
        return f"{self.day}: {self.name}"
