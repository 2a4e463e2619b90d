"""Wake-ups on behalf of many requests a second, none of which waits for the queue."""

from __future__ import annotations

import logging
import threading
import time

from . import jobs

logger = logging.getLogger(__name__)


class Waker:
    """Wakes a worker for whoever calls, at most once in `every` seconds.

    A thread of its own does it: a request pays no round trip, and a queue that does not
    answer holds up none. What a call announces is committed before the call, so that the
    wake-up that follows finds it. A process that ends first loses only the wake-up.
    """

    def __init__(self, name: str, *, lane: str, every: float = 0.2) -> None:
        self._name, self._lane, self._every = name, lane, every
        self._asked = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def __call__(self) -> None:
        if not self._asked.is_set():
            self._asked.set()
        # A fork leaves the thread behind.
        if self._thread is None or not self._thread.is_alive():
            self._start()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while self._asked.wait():
            self._asked.clear()
            try:
                jobs.wake(self._name, lane=self._lane)
            except Exception as error:  # whatever it was: the next one is tried
                logger.error("no wake-up: %s", type(error).__name__)
            time.sleep(self._every)
