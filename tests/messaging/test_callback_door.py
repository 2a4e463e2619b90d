from __future__ import annotations

import io
import json
import threading
import time

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.utils import timezone

from messaging import callbacks, doorkeeper, inbox
from messaging.models import (
    CallbackRequest,
    CallbackToken,
    Message,
    ProviderReference,
    Receipt,
)
from messaging.transports.simulator import Simulator
from messaging.voice.simulator import SimulatorVoice
from tests.builders import make_account, make_customer, make_message, make_token

pytestmark = pytest.mark.django_db

PHONE = "+8613800000001"


def post(path, body=b"[]", secret="s3cret", method="POST", **over):
    """The door's status and body for a request."""
    status, _headers, said = answer(path, body, secret, method, **over)
    return status, said


def answer(path, body=b"[]", secret="s3cret", method="POST", **over):
    seen = []
    environ = {
        "PATH_INFO": path,
        "REQUEST_METHOD": method,
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": f"Bearer {secret}",
        "wsgi.input": io.BytesIO(body),
        **over,
    }
    said = callbacks.door(environ, lambda *start: seen.extend(start))
    return int(seen[0][:3]), dict(seen[1]), b"".join(said)


@pytest.fixture
def account():
    return make_account()


@pytest.fixture
def path(account):
    return f"/callbacks/{make_token(account)}/receipts"


def receipt(**over):
    row = {"reference": "r1", "to": PHONE, "status": "DELIVERED", **over}
    return json.dumps([row]).encode()


def test_request_is_stored_raw_before_it_is_answered(account, path, queued):
    assert post(path, receipt()) == (200, b'{"ok":true}')
    stored = CallbackRequest.objects.get()
    assert (stored.account, stored.kind, stored.applied_at) == (
        account,
        "receipts",
        None,
    )
    assert PHONE.encode() not in bytes(stored.body)
    assert queued.names == ["messaging.jobs.apply_callbacks"]


def test_stored_receipt_is_applied_by_the_job(account, path, queued):
    message = make_message(
        make_customer(phone=PHONE), status=Message.Status.SENT, account=account
    )
    ProviderReference.objects.create(
        account=account,
        reference="r1",
        phone_index=bytes(message.phone_index),
        message=message,
    )
    post(path, receipt())
    queued.run_all()
    message.refresh_from_db()
    assert message.status == Message.Status.DELIVERED


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda path: path.replace("/callbacks/", "/callbacks/x"), 404),
        (lambda path: path.replace("receipts", "nonsense"), 404),
    ],
)
def test_unknown_address_is_not_found(path, change, status):
    assert post(change(path))[0] == status


def test_forged_request_is_refused_and_not_kept(path):
    assert post(path, secret="guess")[0] == 403
    assert not CallbackRequest.objects.exists()


def test_retired_token_opens_nothing(path):
    CallbackToken.objects.update(retired_at=timezone.now())
    assert post(path)[0] == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PROPFIND"])
def test_odd_method_is_told_which_are_taken(path, method):
    status, headers, _body = answer(path, method=method)
    assert (status, headers["Allow"]) == (405, "GET, HEAD, POST")


def test_who_only_looks_whether_the_address_is_there_finds_it_and_leaves_nothing(path):
    assert post(path, method="HEAD", secret="") == (200, b"")
    assert post(path.replace("/callbacks/", "/callbacks/x"), method="HEAD")[0] == 404
    assert not CallbackRequest.objects.exists()


# --- whose it is -----------------------------------------------------------------------


def test_two_tokens_live_while_one_is_rotated(account, queued):
    old, new = make_token(account), make_token(account)
    assert post(f"/callbacks/{old}/receipts")[0] == 200
    assert post(f"/callbacks/{new}/receipts")[0] == 200


def test_retired_token_opens_nothing_after_some_seconds(path, queued, monkeypatch):
    assert post(path)[0] == 200
    CallbackToken.objects.update(retired_at=timezone.now())
    later = time.monotonic() + 5
    monkeypatch.setattr(doorkeeper.time, "monotonic", lambda: later)
    assert post(path)[0] == 404


@pytest.mark.parametrize(
    ("channel", "kind", "status"),
    [
        ("sms", "receipts", 200),
        ("sms", "replies", 200),
        ("sms", "calls", 404),
        ("voice", "calls", 200),
        ("voice", "receipts", 404),
    ],
)
def test_account_has_callbacks_of_its_channel_only(channel, kind, status, queued):
    token = make_token(make_account(channel=channel))
    assert post(f"/callbacks/{token}/{kind}")[0] == status


def test_voice_account_is_asked_by_its_voice_provider(queued, monkeypatch):
    monkeypatch.setattr(SimulatorVoice, "verify", lambda *_: False)
    sms, voice = make_token(make_account()), make_token(make_account(channel="voice"))
    assert post(f"/callbacks/{sms}/receipts")[0] == 200
    assert post(f"/callbacks/{voice}/calls")[0] == 403


def test_providers_check_that_stumbles_is_a_no(path, monkeypatch):
    monkeypatch.setattr(Simulator, "verify", lambda *_: {}["nothing"])
    assert post(path)[0] == 403
    assert not CallbackRequest.objects.exists()


@pytest.mark.parametrize(
    ("networks", "seen", "status"),
    [
        ("", {"REMOTE_ADDR": "203.0.113.7"}, 200),
        ("203.0.113.0/24", {"REMOTE_ADDR": "203.0.113.7"}, 200),
        ("198.51.100.1, 203.0.113.0/24", {"REMOTE_ADDR": "203.0.113.7"}, 200),
        ("203.0.113.0/24", {"REMOTE_ADDR": "::ffff:203.0.113.7"}, 200),
        ("203.0.113.0/24", {"REMOTE_ADDR": "198.51.100.7"}, 403),
        ("203.0.113.0/24", {"REMOTE_ADDR": ""}, 403),
        (
            "203.0.113.0/24",
            {"REMOTE_ADDR": "198.51.100.7", "HTTP_X_FORWARDED_FOR": "203.0.113.7"},
            403,
        ),
    ],
)
def test_callback_comes_from_the_accounts_networks(networks, seen, status, queued):
    account = make_account(callback_networks=networks)
    token = make_token(account)
    assert post(f"/callbacks/{token}/receipts", **seen)[0] == status
    assert CallbackRequest.objects.count() == (status == 200)


def test_trusted_proxy_says_where_a_callback_comes_from(settings, queued):
    settings.TRUSTED_PROXIES = 1
    token = make_token(make_account(callback_networks="203.0.113.0/24"))
    path = f"/callbacks/{token}/receipts"
    # The last hop is what our proxy saw; what stands before it anybody may write.
    assert post(path, HTTP_X_FORWARDED_FOR="198.51.100.7, 203.0.113.7")[0] == 200
    assert post(path, HTTP_X_FORWARDED_FOR="203.0.113.7, 198.51.100.7")[0] == 403


@pytest.mark.parametrize("text", ["203.0.113.0/33", "bank.example", "203.0.113"])
def test_list_of_networks_takes_networks_only(text):
    account = make_account(callback_networks=text)
    with pytest.raises(ValidationError) as refused:
        account.full_clean()
    assert "callback_networks" in refused.value.message_dict


# --- what it says -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "signed"),
    [
        ("", "https://bank.example{path}"),
        ("id=1&to=%2B86%20138", "https://bank.example{path}?id=1&to=%2B86%20138"),
        ("name=%E4%B8%AD%C3%A9+x", "https://bank.example{path}?name=%E4%B8%AD%C3%A9+x"),
    ],
)
@pytest.mark.parametrize("base", ["https://bank.example", "https://bank.example/"])
def test_provider_checks_the_address_as_it_wrote_it(
    path, query, signed, base, settings, monkeypatch, queued
):
    settings.PUBLIC_BASE_URL = base
    seen = []
    keep = lambda _self, _account, callback: seen.append(callback.url) or True  # noqa: E731
    monkeypatch.setattr(Simulator, "verify", keep)
    post(path, QUERY_STRING=query)
    assert seen == [signed.format(path=path)]


def test_provider_sees_the_headers_of_the_request(path, monkeypatch, queued):
    seen = []
    keep = lambda _self, _account, callback: seen.append(callback.headers) or True  # noqa: E731
    monkeypatch.setattr(Simulator, "verify", keep)
    post(path, HTTP_X_TWILIO_SIGNATURE="abc", CONTENT_TYPE="text/plain")
    assert seen[0]["x-twilio-signature"] == "abc"
    assert seen[0]["content-type"] == "text/plain"
    assert seen[0].get("x-nothing", "") == ""
    assert "x-twilio-signature" in list(seen[0])


def test_too_large_a_body_is_refused(path):
    assert post(path, b"x" * (256 * 1024 + 1))[0] == 413


@pytest.mark.parametrize("length", ["-1", "a", str(10**9)])
def test_strange_length_is_refused(path, length):
    assert post(path, CONTENT_LENGTH=length)[0] == 413


def test_body_in_chunks_is_read_to_its_end_and_no_further_than_allowed(path, queued):
    chunks = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    assert post(path, receipt(), **chunks)[0] == 200
    inbox.apply_waiting(timezone.now())
    assert CallbackRequest.objects.get().problem == ""
    assert post(path, b"x" * (256 * 1024 + 1), **chunks)[0] == 413


def test_body_that_ends_early_is_not_kept(path):
    assert post(path, receipt(), CONTENT_LENGTH="5000")[0] == 400
    assert not CallbackRequest.objects.exists()


def test_senders_who_dawdle_do_not_hold_every_thread(path, monkeypatch):
    monkeypatch.setattr(callbacks, "READERS", threading.BoundedSemaphore(1))
    monkeypatch.setattr(callbacks, "PATIENCE", 0.01)
    with callbacks.READERS:
        assert post(path)[0] == 503
    assert post(path, method="HEAD")[0] == 200


def test_provider_is_asked_to_come_again_where_the_database_is_away(path, monkeypatch):
    def away(*_args):
        raise OperationalError

    monkeypatch.setattr(callbacks, "_store", away)
    assert post(path)[0] == 503


def test_secret_of_strange_letters_is_a_wrong_one(path):
    assert post(path, secret="\xe9")[0] == 403


def test_one_that_cannot_be_applied_does_not_hold_up_the_others(path, queued):
    post(path, b"[" * 200_000)  # too deep for the parser
    post(path, receipt())
    assert inbox.apply_waiting(timezone.now()) == (2, False)
    problems = CallbackRequest.objects.order_by("pk").values_list("problem", flat=True)
    assert list(problems) == ["RecursionError", ""]


def test_request_that_spoils_a_batch_is_applied_apart_from_the_others(
    path, queued, monkeypatch
):
    def settle_all(reports, *, now):
        if any(one.event.reference == "poison" for one in reports):
            raise ValueError
        return real(reports, now=now)

    real = inbox.settle_all
    monkeypatch.setattr(inbox, "settle_all", settle_all)
    for reference in ("r1", "poison", "r2"):
        post(path, receipt(reference=reference))
    assert inbox.apply_waiting(timezone.now()) == (3, False)
    problems = CallbackRequest.objects.order_by("pk").values_list("problem", flat=True)
    assert list(problems) == ["", "ValueError", ""]
    kept = Receipt.objects.order_by("pk").values_list("reference", flat=True)
    assert list(kept) == ["r1", "r2"]


def test_job_that_leaves_some_waiting_wakes_the_next(path, queued, monkeypatch):
    monkeypatch.setattr(inbox, "FIRST_REQUESTS", 1)
    monkeypatch.setattr(inbox, "MOST_REQUESTS", 1)
    monkeypatch.setattr(inbox, "MOST_ROUNDS", 2)
    for _n in range(5):
        post(path, receipt())
    results = queued.run_all()
    assert [one["applied"] for one in results] == [2, 2, 1]


@pytest.mark.parametrize(
    "body",
    [b'[{"reference":"r","to":"+8613800000001","status":"X","at":"+8613800000001"}]'],
)
def test_problem_does_not_quote_the_body(path, queued, body):
    post(path, body)
    inbox.apply_waiting(timezone.now())
    assert CallbackRequest.objects.get().problem == "ValueError"


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'[{"to":1}]', b"\xff\xfe"])
def test_garbage_is_answered_kept_and_named(path, queued, body):
    assert post(path, body)[0] == 200
    inbox.apply_waiting(timezone.now())
    stored = CallbackRequest.objects.get()
    assert stored.applied_at is not None
    assert stored.problem
