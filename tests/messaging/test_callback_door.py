from __future__ import annotations

import io
import json

import pytest
from django.utils import timezone

from messaging import callbacks, inbox
from messaging.models import CallbackRequest, CallbackToken, Message, ProviderReference
from tests.builders import make_account, make_customer, make_message, make_token

pytestmark = pytest.mark.django_db

PHONE = "+8613800000001"


def post(path, body=b"[]", secret="s3cret", method="POST", **over):
    """The door's status and body for a request."""
    seen = []
    environ = {
        "PATH_INFO": path,
        "REQUEST_METHOD": method,
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": f"Bearer {secret}",
        "wsgi.input": io.BytesIO(body),
        **over,
    }
    answer = callbacks.door(environ, lambda status, headers: seen.append(status))
    return int(seen[0][:3]), b"".join(answer)


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


def test_only_post_and_get_are_taken(path):
    assert post(path, method="PUT")[0] == 405


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


def test_secret_of_strange_letters_is_a_wrong_one(path):
    assert post(path, secret="\xe9")[0] == 403


def test_one_that_cannot_be_applied_does_not_hold_up_the_others(path, queued):
    post(path, b"[" * 200_000)  # too deep for the parser
    post(path, receipt())
    assert inbox.apply_waiting(timezone.now()) == (2, False)
    problems = CallbackRequest.objects.order_by("pk").values_list("problem", flat=True)
    assert list(problems) == ["RecursionError", ""]


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
