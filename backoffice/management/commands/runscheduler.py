from __future__ import annotations

import logging
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections

from backoffice.kit.clock import database_now
from backoffice.scheduling import tick

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Starts periodic work when its schedule says so. Any number may run."

    def handle(self, *_args: Any, **_options: Any) -> None:
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        while not stopping.wait(1):
            close_old_connections()
            try:
                tick(database_now())
            except DatabaseError as error:
                logger.warning("no schedule read: %s", type(error).__name__)
