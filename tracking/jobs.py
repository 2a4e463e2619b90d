"""What the workers do for tracking: read sources, read what messaging holds."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import timedelta

from django.utils import timezone

from . import clicks, groups
from .matching import match_unknown
from .models import BehaviourSource
from .sources.files import scan

logger = logging.getLogger(__name__)


def scan_sources() -> dict[str, int]:
    """Scan the sources whose interval has passed; match users who have arrived (C1, C2).

    One broken source does not stop the others: its problem stands with it.
    """
    now = timezone.now()
    counts = Counter[str]()
    for source in BehaviourSource.objects.filter(
        kind=BehaviourSource.Kind.FILES, is_enabled=True
    ):
        last = source.scanned_at
        if last and now < last + timedelta(seconds=source.interval_seconds):
            continue
        try:
            counts.update(scan(source, timezone.now()))
        except Exception as error:
            logger.error("source %s: %s", source.pk, type(error).__name__)
            counts["problems"] += 1
    counts["matched"] = match_unknown(timezone.now())
    return dict(counts)


def scan_source(source_id: int) -> dict[str, int]:
    """Scan one source now: the button in the admin."""
    source = BehaviourSource.objects.get(pk=source_id)
    return dict(scan(source, timezone.now()))


def read_messaging() -> dict[str, int]:
    """Count deliveries and replies as behaviour (X1)."""
    return groups.read_messaging(timezone.now())


def take_clicks() -> dict[str, int]:
    """Write the clicks that wait in the stream into the behaviour log (E6)."""
    return {"clicks": clicks.take_clicks()}
