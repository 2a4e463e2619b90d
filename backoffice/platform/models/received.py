from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from backoffice.kit.bulk import insert_rows

from .access import ApiClient


class ReceivedItemQuerySet(models.QuerySet["ReceivedItem"]):
    def results_of(self, references: Sequence[str]) -> dict[str, str]:
        """Reference -> id of what was made of it, of those known."""
        known = self.filter(reference__in=references)
        return dict(known.values_list("reference", "result_id"))


class ReceivedItem(models.Model):
    """A partner's reference for an item that was taken: the same one again changes nothing."""

    client = models.ForeignKey(
        ApiClient,
        on_delete=models.CASCADE,
        db_index=False,
        verbose_name=_("API client"),
    )
    kind = models.CharField(_("kind"), max_length=20)
    reference = models.CharField(_("partner's reference"), max_length=80)
    result_id = models.CharField(max_length=40)
    at = models.DateTimeField(_("time"))

    objects = ReceivedItemQuerySet.as_manager()

    class Meta:
        verbose_name = _("received item")
        verbose_name_plural = _("received items")
        constraints = [
            models.UniqueConstraint(
                fields=["client", "kind", "reference"], name="received_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"

    @classmethod
    def keep(
        cls,
        client: ApiClient,
        kind: str,
        results: Mapping[str, object],
        *,
        now: datetime,
    ) -> None:
        """Remember references -> ids; without a reference or an id there is nothing to keep."""
        rows = [
            (client.pk, kind, name, str(made), now)
            for name, made in results.items()
            if name and made
        ]
        fields = ("client", "kind", "reference", "result_id", "at")
        insert_rows(ReceivedItem, fields, rows, ignore_conflicts=True)
