"""What a test of outages has done in processes of their own: `python -m tests.outage_world`.

    make COUNT URL SWEEP   an account over the simulator at URL, and service SMS; prints a
                           token. SWEEP: when the sweeps of messaging run
    states                 how many messages stand where, as JSON

The test itself keeps no connection to the database or the queue that it ends.
"""

from __future__ import annotations

import json
import sys
from collections import Counter

import django

django.setup()

from backoffice.platform.models import Schedule  # noqa: E402  needs the set-up
from messaging.models import Message  # noqa: E402
from tests import chaos  # noqa: E402
from tests.builders import (  # noqa: E402
    make_account,
    make_chunk,
    make_customer,
    make_message_type,
    make_template,
    make_token,
)
from tests.simulator_process import SECRET  # noqa: E402

A_CHUNK = 5
SWEEPS = ("messaging.jobs.sweep",)
WAITS = {
    "lease_seconds": 5,
    "unknown_query_after_seconds": 2,
    "unknown_query_gap_seconds": 3,
}


def make(count: int, url: str, sweep: str) -> str:
    chaos.hurry(**WAITS)
    Schedule.objects.filter(kind__in=SWEEPS).update(expression=sweep)
    account = make_account(settings={"url": url})
    account.set_secrets({"secret": SECRET})
    account.save()
    kind = make_message_type("outage", purpose="service")
    version = make_template(message_type=kind)
    people = [make_customer(phone=chaos.phone(n)) for n in range(count)]
    for start in range(0, count, A_CHUNK):
        make_chunk(*people[start : start + A_CHUNK], version=version)
    return make_token(account)


def states() -> str:
    found = Message.objects.values_list("status", flat=True)
    return json.dumps(Counter(Message.Status(one).name for one in found))


if __name__ == "__main__":
    assert Schedule.objects.enabled().exists(), "the schedules of a real house"
    if sys.argv[1] == "make":
        print(make(int(sys.argv[2]), *sys.argv[3:]))
    else:
        print(states())
