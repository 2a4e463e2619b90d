"""Stopping and resuming: everything, a lane, a provider account, where messages come from.

Who, when and why goes to the audit log. A stop acts with the next fence of every worker.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from backoffice.kit.jobs import later
from backoffice.platform.models import AuditEntry

from .models import Stop

WAKE = "messaging.jobs.wake_due"


@transaction.atomic
def stop(target: str, *, label: str, reason: str, by: Any, now: datetime) -> Stop:
    """Hand nothing over any more; a target that is stopped already stays as it was."""
    values = {"label": label[:120], "reason": reason[:200], "since": now, "by": by}
    row, is_new = Stop.objects.get_or_create(target=target, defaults=values)
    if is_new:
        AuditEntry.write(by, "sending.stop", reason=reason, scope=row.label)
    return row


@transaction.atomic
def resume(row: Stop, *, reason: str, by: Any) -> None:
    """Go on with what waited, at once."""
    row.delete()
    AuditEntry.write(by, "sending.resume", reason=reason, scope=row.label)
    later(WAKE, lane="service", once=True)
