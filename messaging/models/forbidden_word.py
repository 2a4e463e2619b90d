from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ForbiddenWord(models.Model):
    """A word that staff keep out of texts: operators and providers filter it."""

    class Effect(models.TextChoices):
        REFUSE = "refuse", _("The text is refused")
        WARN = "warn", _("A warning is shown")

    word = models.CharField(_("word"), max_length=60, unique=True)
    effect = models.CharField(
        _("effect"), max_length=6, choices=Effect.choices, default=Effect.REFUSE
    )
    why = models.CharField(_("why"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("forbidden word")
        verbose_name_plural = _("forbidden words")
        ordering = ["word"]

    def __str__(self) -> str:
        return self.word
