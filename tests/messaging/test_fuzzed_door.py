"""The callback door against requests that nobody meant: a little here, `make fuzz` for long."""

from __future__ import annotations

import os
import time
from io import BytesIO
from random import Random

import pytest
from django.utils import timezone

from messaging import callbacks, inbox
from messaging.models import CallbackRequest
from tests.builders import make_account, make_token
from tests.messaging.odd_requests import Odd, odd_request

pytestmark = pytest.mark.django_db

SEED = int(os.environ.get("FUZZ_SEED", "20261122"))
SECONDS = float(os.environ.get("FUZZ_SECONDS", "2"))
# What the door may say; a 503 would mean that it could not store.
SAID = {200, 400, 403, 404, 405, 413}


def knock(odd: Odd) -> int:
    """The door's status for it, called as a server calls it."""
    environ = {
        "PATH_INFO": odd.path,
        "QUERY_STRING": odd.query,
        "REQUEST_METHOD": odd.method,
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": odd.headers["Content-Type"],
        "wsgi.input": BytesIO(odd.body),
        **{
            f"HTTP_{name.upper().replace('-', '_')}": value
            for name, value in odd.headers.items()
        },
    }
    if odd.length is None:
        environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    else:
        environ["CONTENT_LENGTH"] = str(odd.length)
    seen: list[str] = []
    callbacks.door(environ, lambda status, _headers: seen.append(status))
    return int(seen[0][:3])


def test_no_request_brings_the_door_or_the_job_behind_it_down(queued):
    dice = Random(SEED)
    sms, voice = make_token(make_account()), make_token(make_account(channel="voice"))
    doors = [f"{sms}/receipts", f"{sms}/receipts", f"{sms}/replies", f"{voice}/calls"]
    end, asked, stored = time.monotonic() + SECONDS, 0, 0
    while time.monotonic() < end:
        odd = odd_request(dice, doors, "s3cret")
        status = knock(odd)
        assert status in SAID, f"{status} (seed {SEED}, number {asked}): {odd}"
        asked, stored = asked + 1, stored + (status == 200 and odd.method != "HEAD")
        if asked % 100 == 0:
            inbox.apply_waiting(timezone.now(), rounds=100)
    inbox.apply_waiting(timezone.now(), rounds=100)
    kept = CallbackRequest.objects.filter(applied_at__isnull=False)
    assert stored > asked / 5
    assert kept.count() == stored
