from __future__ import annotations

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from .label import Label


class BusinessType(models.Model):
    """A line of business: what a record is about, what an event offers, what an SMS is for.

    One table for B7, C2 and E8. `labels` are the groups it may be offered to (B7): none
    means any.
    """

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    name_zh = models.CharField(_("Chinese name"), max_length=80, blank=True)
    offers_application = models.BooleanField(
        _("offers an application"),
        default=False,
        help_text=_("Customers inside a no-apply interval are left out (B6)."),
    )
    labels = models.ManyToManyField(
        Label, blank=True, verbose_name=_("groups it may be offered to")
    )

    class Meta:
        verbose_name = _("business type")
        verbose_name_plural = _("business types")
        ordering = ["code"]

    def __str__(self) -> str:
        return (get_language() or "").startswith("zh") and self.name_zh or self.name


class BusinessTypeAlias(models.Model):
    """A source's word for a business type; an unknown word waits in quarantine."""

    source = models.CharField(
        _("source"), max_length=40, blank=True, help_text=_("Empty: any source.")
    )
    word = models.CharField(_("word"), max_length=80)
    business_type = models.ForeignKey(
        BusinessType,
        on_delete=models.CASCADE,
        related_name="aliases",
        verbose_name=_("business type"),
    )

    class Meta:
        verbose_name = _("business type alias")
        verbose_name_plural = _("business type aliases")
        constraints = [
            models.UniqueConstraint(fields=["source", "word"], name="alias_word")
        ]

    def __str__(self) -> str:
        return f"{self.word} = {self.business_type}"
