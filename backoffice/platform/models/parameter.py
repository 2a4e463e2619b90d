from __future__ import annotations

import time
from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class Parameter(models.Model):
    """A number, time or list that a bank sets for itself. Rows ship with migrations."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    value = models.JSONField(_("value"))
    description = models.CharField(_("description"), max_length=200, blank=True)

    # Read for every chunk by every worker: a change takes effect within these seconds.
    FRESH: ClassVar[float] = 2.0
    _cache: ClassVar[dict[str, tuple[float, Any]]] = {}

    class Meta:
        verbose_name = _("parameter")
        verbose_name_plural = _("parameters")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def read(cls, name: str) -> Any:
        """The value of a parameter. Raises DoesNotExist for a name that never shipped."""
        known = cls._cache.get(name)
        if known and known[0] > time.monotonic():
            return known[1]
        value = cls.objects.values_list("value", flat=True).get(name=name)
        cls._cache[name] = (time.monotonic() + cls.FRESH, value)
        return value

    @classmethod
    def forget(cls) -> None:
        """Read every value anew: after a change in this process."""
        cls._cache.clear()
