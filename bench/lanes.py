"""`service_p95_s`: notices that come one by one while 100,000 marketing SMS are queued.

From a notice's arrival to the provider's yes, over a sink that takes its time; with four
workers, and with the one that serves every lane.
"""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal
from statistics import quantiles

from django.db.models import F
from django.utils import timezone

from backoffice.platform.models import Parameter
from bench import campaign, ground, world
from bench.results import Result
from campaigns import notices, pushes
from campaigns.models import Notice
from messaging.models import Message, QuietHours

MARKETING, NOTICES = 100_000, 1_000
LATENCY = 0.25  # seconds that the sink takes for a request
A_SECOND = 50  # notices
PROMISED = 10.0  # seconds: P3 of the promises


def run():
    return [
        Result("service_p95_s", p95(workers=4), "s", PROMISED),
        Result("service_p95_one_worker_s", p95(workers=1), "s", PROMISED),
    ]


def p95(*, workers):
    kind = world.members(MARKETING)
    campaign.forget_messages()
    Notice.objects.all().delete()
    QuietHours.objects.all().delete()
    Parameter.objects.filter(name="send_hour").update(value="00:00")
    with ground.sink(latency=LATENCY) as port, ground.workers(workers):
        time.sleep(3)
        push = pushes.start(world.event(port, kind), by=None, now=timezone.now())
        ours = Message.objects.filter(chunk__origin=push.origin)
        ground.until(lambda: ours.filter(status=20).exists(), seconds=60)
        _arrive()
        done = Message.objects.filter(chunk__origin="notices", sent_at__isnull=False)
        ground.until(lambda: done.count() == NOTICES, seconds=300)
        left = MARKETING - ours.filter(status=20).count()
    assert left, "the campaign was over before the notices were"
    took = done.annotate(took=F("sent_at") - F("notice__created_at"))
    seconds = [one.total_seconds() for one in took.values_list("took", flat=True)]
    return quantiles(seconds, n=20)[-1]


def _arrive():
    """A partner sends notices one by one, evenly."""
    began = time.perf_counter()
    tomorrow = timezone.localdate() + timedelta(days=1)
    for n in range(NOTICES):
        time.sleep(max(0, began + n / A_SECOND - time.perf_counter()))
        info = notices.NoticeInfo(
            name="Jan",
            phone=f"+8613{n:09d}",
            amount=Decimal(n + 1),
            due_on=tomorrow,
            text="Early repayment",
            language="en",
        )
        notices.take(info, origin="api", now=timezone.now())
