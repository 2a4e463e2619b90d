"""What every test stands on: no network, a queue of our own, captured jobs, a web server.

The database is SQLite, or what DATABASE_URL names. The queue is an embedded Valkey that
this run starts, or the *empty* database that REDIS_URL names: no test touches a key that
it did not make.
"""

from __future__ import annotations

import json
import math
import os
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import translation

from backoffice.kit import jobs
from backoffice.platform.models import Parameter
from backoffice.supervisor import valkey
from messaging import calendars, callbacks, doorkeeper
from messaging.models import CallbackToken, ProviderAccount
from messaging.quiet import Calendar
from tests.simulator_process import SECRET, SimulatorProcess, running_simulator
from tests.web_server import WebServer

LOOPBACK = {"127.0.0.1", "::1", "localhost", "0.0.0.0", "::", ""}


# --- the run -----------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    os.environ["VAR_DIR"] = str(django_settings.VAR_DIR)  # for child processes
    Path(django_settings.VAR_DIR).mkdir(parents=True, exist_ok=True)
    url = os.environ.get("REDIS_URL")
    if url and redis.Redis.from_url(url).dbsize():
        pytest.exit(f"{url} is not empty. Tests use an empty database only.", 2)


def pytest_report_header() -> str:
    engine = django_settings.DATABASES["default"]["ENGINE"].rpartition(".")[2]
    queue = os.environ.get("REDIS_URL") or "embedded Valkey"
    return f"on {engine} + {queue}"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chaos", action="store_true", help="the large runs, alone")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    is_wanted = config.getoption("--chaos")
    items[:] = [
        item
        for item in items
        if is_wanted == (item.get_closest_marker("chaos") is not None)
    ]
    # A transactional test empties every table: give the rows of data migrations back.
    for item in items:
        found = item.get_closest_marker("django_db")
        asks = {"transactional_db", "server"} & set(getattr(item, "fixturenames", ()))
        if asks or (found and found.kwargs.get("transaction")):
            mark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
            item.add_marker(mark, append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    return _refuse_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    return _refuse_skip((yield))


def _refuse_skip(report: Any) -> Any:
    """With CI=true nothing may be skipped: a skip is a failure that names its reason."""
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"
    return report


# --- around every test ----------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def _queue_server() -> Iterator[None]:
    if os.environ.get("REDIS_URL"):
        yield
        return
    path = Path(urlsplit(django_settings.QUEUE_URL).path)
    valkey.private_folder(path.parent)
    log = Path(django_settings.VAR_DIR) / "log" / "test-valkey.log"
    server = valkey.embedded(path, data=None, log=log).start()
    assert valkey.wait_for(django_settings.QUEUE_URL), server.last_words()
    yield
    server.stop()


@pytest.fixture(scope="session")
def queue_client(_queue_server: None) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(django_settings.QUEUE_URL)
    yield client
    client.close()


@pytest.fixture(autouse=True)
def _empty_queue(queue_client: redis.Redis) -> Iterator[None]:
    # It was empty when the run began, so every key in it is ours.
    yield
    if keys := list(queue_client.scan_iter(count=1000)):
        queue_client.unlink(*keys)


@pytest.fixture(autouse=True)
def _fresh_parameters() -> Iterator[None]:
    Parameter.forget()
    # Whatever the hour a test runs at: who tests quiet hours calls calendars.forget().
    for channel in ProviderAccount.Channel.values:
        calendars._known[channel] = (math.inf, Calendar())
    yield
    Parameter.forget()


@pytest.fixture(autouse=True)
def _awake_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback's wake-up comes in its own thread, so that `queued` has it at once."""
    wake = partial(jobs.wake, callbacks.APPLY, lane="receipts")
    monkeypatch.setattr(callbacks, "wake", wake)
    doorkeeper.forget()


@pytest.fixture(autouse=True)
def _nothing_cached() -> None:
    cache.clear()  # the index counts its numbers every few seconds only


@pytest.fixture(autouse=True)
def _no_language_left() -> Iterator[None]:
    # The test client answers in this thread and leaves the reader's language active.
    yield
    translation.deactivate()


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """A test that would leave this machine fails instead."""
    allowed = LOOPBACK | {
        urlsplit(os.environ.get(name, "")).hostname
        for name in ("DATABASE_URL", "REDIS_URL")
    }

    def guarded(real: Callable[..., Any]) -> Callable[..., Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            is_local = self.family == socket.AF_UNIX or address[0] in allowed
            if not is_local:
                raise AssertionError("a test tried to leave this machine")
            return real(self, address)

        return connect

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
    patch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
    yield
    patch.undo()


# --- to ask for -------------------------------------------------------------------


class Queued:
    """The wake-ups of `kit.jobs.later()` so far, in order, as (name, args, lane).

    Those of a transaction count once it is committed; the transaction that pytest wraps
    around a test is no such transaction.
    """

    def __init__(self) -> None:
        self._jobs: list[tuple[str, tuple[Any, ...], str]] = []

    def take(
        self, name: str, args: tuple[Any, ...], lane: str, once: bool = False
    ) -> None:
        job = (name, tuple(json.loads(json.dumps(args))), lane)
        if not (once and job in self._jobs):
            self._jobs.append(job)

    @property
    def jobs(self) -> list[tuple[str, tuple[Any, ...], str]]:
        waiting, connection.run_on_commit = connection.run_on_commit, []
        for _savepoints, function, _robust in waiting:
            function()
        return self._jobs

    @property
    def names(self) -> list[str]:
        return [name for name, _args, _lane in self.jobs]

    def run_all(self, *, at_most: int = 1000) -> list[Any]:
        """Run them, and what they queue, in order until none is left; their results."""
        results: list[Any] = []
        while self.jobs:
            assert len(results) < at_most, f"no end: {self._jobs[0]}"
            name, args, _lane = self._jobs.pop(0)
            results.append(jobs.resolves(name)(*args))
        return results


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> Queued:
    captured = Queued()
    monkeypatch.setattr(jobs, "_enqueue", captured.take)
    return captured


@pytest.fixture
def staff_client(db: None, client: Client, admin_user: Any) -> Client:
    """A browser logged in as a superuser; `staff_client.user` is who."""
    client.force_login(admin_user)
    client.user = admin_user  # type: ignore[attr-defined]
    return client


@pytest.fixture
def server(transactional_db: None, settings: Any) -> Iterator[WebServer]:
    """The house over real HTTP on a free port of the loopback: `.url`."""
    with WebServer() as running:
        settings.PUBLIC_BASE_URL = running.url
        settings.SHORT_LINK_BASE = f"{running.url}/l"
        yield running


@pytest.fixture
def simulator(server: WebServer) -> Iterator[SimulatorProcess]:
    """The provider simulator, wired to `server`: accounts `sms` and `voice` use it."""
    accounts = {}
    for channel in ("sms", "voice"):
        account = ProviderAccount(
            name=channel, channel=channel, transport="simulator", settings={"url": ""}
        )
        account.set_secrets({"secret": SECRET})
        account.save()
        accounts[channel] = account
    doors = {
        channel: f"{server.url}/callbacks/{CallbackToken.issue(account)}"
        for channel, account in accounts.items()
    }
    seed = {
        "receipt_url": f"{doors['sms']}/receipts",
        "reply_url": f"{doors['sms']}/replies",
        "call_url": f"{doors['voice']}/calls",
    }
    with running_simulator(seed) as running:
        ProviderAccount.objects.update(settings={"url": running.url})
        yield running


@pytest.fixture
def child_env() -> dict[str, str]:
    """The environment of a process that is to work on this test's database and queue."""
    database = django_settings.DATABASES["default"]
    env = {
        **os.environ,
        "REDIS_URL": django_settings.QUEUE_URL,
        "SECRET_KEY": django_settings.SECRET_KEY,
        "KEY_RING": django_settings.KEY_RING,
        "INDEX_KEY": django_settings.INDEX_KEY,
        "PUBLIC_BASE_URL": django_settings.PUBLIC_BASE_URL,
    }
    if connection.vendor == "sqlite":
        return env | {"SQLITE_FILE": str(database["NAME"])}
    url = urlsplit(os.environ["DATABASE_URL"])
    return env | {"DATABASE_URL": url._replace(path=f"/{database['NAME']}").geturl()}
