from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from .message import Message


class DoubtQuerySet(models.QuerySet["Doubt"]):
    def open(self) -> DoubtQuerySet:
        """Those that still nobody knows of: a late receipt may have settled some."""
        return self.filter(needs_person=True, status=Message.Status.UNKNOWN)


class Doubt(Message):
    """An SMS that neither receipt nor query has settled for a day: a person decides."""

    objects: ClassVar[Any] = DoubtQuerySet.as_manager()

    class Meta:
        proxy = True
        verbose_name = _("SMS in doubt")
        verbose_name_plural = _("SMS in doubt")
