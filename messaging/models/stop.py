from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Value
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

EVERYTHING = "everything"


class StopQuerySet(models.QuerySet["Stop"]):
    def of(self, *targets: str) -> StopQuerySet:
        """Those that stop one of the targets, or everything."""
        return self.filter(target__in=(EVERYTHING, *targets))


class Stop(models.Model):
    """Nothing is handed over to a provider where a row says so; deleting it resumes.

    Asked in the statement that fences, so it acts with the next fence of every worker and
    costs none of its own. What is being sent then is finished; nothing is lost. Who
    stopped and resumed what, and why, stays in the audit log.
    """

    # "everything", "lane:marketing", "account:3", or where messages come from: "push:12".
    target = models.CharField(max_length=40, unique=True)
    label = models.CharField(pgettext_lazy("of sending", "stopped"), max_length=120)
    reason = models.CharField(_("reason"), max_length=200)
    since = models.DateTimeField(_("since"))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        verbose_name=_("by"),
    )

    objects = StopQuerySet.as_manager()

    class Meta:
        verbose_name = _("stop")
        verbose_name_plural = _("stops")
        ordering = ["-since"]

    def __str__(self) -> str:
        return self.label


def stopped_chunk() -> Exists:
    """A condition on chunks: their origin, their lane or everything is stopped."""
    lane = Concat(Value("lane:"), OuterRef("lane"))
    return Exists(Stop.objects.filter(target__in=_among(OuterRef("origin"), lane)))


def stopped_account() -> Exists:
    """A condition on provider accounts: the account or everything is stopped."""
    number = Cast(OuterRef("pk"), models.CharField())
    target = Concat(Value("account:"), number)
    return Exists(Stop.objects.filter(target__in=_among(target)))


def _among(*targets: Any) -> list[Any]:
    return [Value(EVERYTHING), *targets]


def lane_target(lane: str) -> str:
    return f"lane:{lane}"


def account_target(account_id: int) -> str:
    return f"account:{account_id}"
