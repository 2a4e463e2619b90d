from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter

import django_rq
import pytest
from django.conf import settings

from backoffice.supervisor.parts import wait_until
from backoffice.supervisor.workers import Crew, plan
from tests.backoffice import jobs_for_workers as jobs
from tests.processes import LONG, is_alive, running_workers

JOBS = "tests.backoffice.jobs_for_workers"


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_every_lane_has_a_worker(count):
    workers = plan(count)
    assert len(workers) == count
    assert {lane for lanes in workers for lane in lanes} == set(settings.LANES)


@pytest.mark.parametrize("count", [2, 3, 4, 7])
def test_one_worker_of_the_service_lane_never_does_marketing(count):
    assert any("service" in one and "marketing" not in one for one in plan(count))


def enqueue(name: str, *args: object, lane: str = "default") -> None:
    django_rq.get_queue(lane).enqueue_call(f"{JOBS}.{name}", args=args, timeout=900)


@pytest.fixture
def workers(child_env):
    with running_workers(child_env) as crew:
        yield crew


def pids_of_a_long_job(folder) -> dict[str, int]:
    """Begin a job that never ends; the pids of its horse and its worker."""
    enqueue("write_pids_then_sleep", str(folder))
    assert wait_until(lambda: len(list(folder.iterdir())) == 2, seconds=LONG)
    pairs = (one.name.split("-") for one in folder.iterdir())
    return {role: int(pid) for role, pid in pairs}


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.mark.slow
@pytest.mark.once
def test_jobs_of_every_lane_are_done(workers, tmp_path):
    for lane in settings.LANES:
        enqueue("touch", str(tmp_path / lane), lane=lane)
    done = lambda: len(list(tmp_path.iterdir())) == len(settings.LANES)  # noqa: E731
    assert wait_until(done, seconds=LONG)


@pytest.mark.slow
@pytest.mark.once
def test_sigterm_lets_the_job_under_way_finish(workers, tmp_path):
    enqueue("begin_then_touch", str(tmp_path), 1.5)
    assert wait_until((tmp_path / "begun").exists, seconds=LONG)
    workers.terminate()
    workers.wait(LONG)
    assert (tmp_path / "ended").exists()


@linux
@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize("whom", ["worker", "crew"])
def test_nothing_works_on_after_kill_9(workers, tmp_path, whom):
    pids = pids_of_a_long_job(tmp_path) | {"crew": workers.pid}
    os.kill(pids[whom], signal.SIGKILL)
    assert wait_until(lambda: not is_alive(pids["horse"]), seconds=LONG)


@linux
@pytest.mark.slow
@pytest.mark.once
def test_killed_worker_is_replaced(workers, tmp_path):
    os.kill(pids_of_a_long_job(tmp_path)["worker"], signal.SIGKILL)
    enqueue("touch", str(tmp_path / "by the next"), lane="receipts")
    assert wait_until((tmp_path / "by the next").exists, seconds=LONG)


def test_worker_that_always_fails_is_restarted_ever_more_slowly(monkeypatch):
    starts: Counter[int] = Counter()
    crew = Crew([("default",)], run=jobs.fail)
    for second in range(60):
        was = crew.slots[0].pid
        crew.fill(second)
        starts[second // 20] += crew.slots[0].pid != was
        while crew.slots[0].pid:
            time.sleep(0.01)
            crew.reap(second)
    assert starts[0] > starts[1] > starts[2]
