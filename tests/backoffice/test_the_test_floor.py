from __future__ import annotations

import socket
import urllib.request

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from backoffice.kit.jobs import later
from backoffice.supervisor.parts import wait_until
from messaging.models import Message
from tests.builders import make_chunk, make_customer


def test_no_test_leaves_this_machine():
    with pytest.raises(AssertionError, match="leave this machine"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


@pytest.mark.django_db
def test_wake_up_counts_only_once_committed(queued):
    with transaction.atomic():
        later("os.getpid")
        transaction.set_rollback(True)
    with transaction.atomic():
        later("os.getppid", lane="voice")
    assert queued.jobs == [("os.getppid", (), "voice")]


@pytest.mark.django_db
def test_running_all_leaves_no_job(queued):
    later("os.getpid")
    assert len(queued.run_all()) == 1
    assert queued.names == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_rows_of_migrations_survive_a_transactional_test(turn):
    assert ContentType.objects.exists()


def test_server_answers_over_http(server):
    with urllib.request.urlopen(server.url + "/admin/login/") as answer:
        assert answer.status == 200


def test_simulator_speaks_to_the_server(simulator, queued):
    chunk = make_chunk(make_customer(phone="+8613800000001"))
    queued.run_all()
    message = Message.objects.get(chunk=chunk)

    def delivered() -> bool:
        queued.run_all()
        message.refresh_from_db()
        return message.status == Message.Status.DELIVERED

    assert wait_until(delivered, seconds=60)
    assert simulator.accepted(message.pk) == 1
