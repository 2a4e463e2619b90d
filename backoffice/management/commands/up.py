from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connections

from backoffice.demo import campaign, world
from backoffice.supervisor import ground, house, valkey
from backoffice.supervisor.ground import CannotStart
from backoffice.supervisor.house import House


class Command(BaseCommand):
    help = "Starts the whole house on this machine; Ctrl-C stops it. See README.md."
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        running = House(self._say)
        try:
            ground.writable(Path(settings.VAR_DIR))
            with ground.alone(Path(settings.VAR_DIR)):
                ground.port_free(settings.PORT)
                self._run(running)
        except CannotStart as reason:
            sys.stderr.write(f"{reason}\n")
            sys.exit(2)

    def _run(self, running: House) -> None:
        running.listen()
        self._say(f"Starting; each part writes its log into {running.logs}")
        try:
            self._start(running)
            if not running.stopping:
                self._show(running)
            running.watch()
        finally:
            self._say("Stopping")
            running.stop()
            self._say("Stopped; nothing is left running")

    def _start(self, running: House) -> None:
        self._migrate()
        self._part("database", house.database_name())
        if settings.REDIS_URL:
            self._require_redis()
        else:
            running.start(
                house.queue(running.logs),
                ready=lambda: valkey.answers(settings.QUEUE_URL),
            )
        self._part("queue", "REDIS_URL" if settings.REDIS_URL else "embedded Valkey")
        self._start_simulator(running)
        # Before any part starts that speaks to it.
        gateway = f"http://127.0.0.1:{ground.any_port()}"
        os.environ.setdefault("SMPP_GATEWAY", gateway)
        running.start_once(house.smpp(running.logs), house.smpp_is_wanted)
        port = settings.PORT
        running.start(
            house.web(running.logs, port=port), ready=lambda: house.accepts(port)
        )
        self._part("web server", settings.PUBLIC_BASE_URL)
        running.start(house.workers(running.logs))
        running.start(house.scheduler(running.logs))
        self._part("workers", "all lanes")
        self._part("scheduler", "on")

    def _start_simulator(self, running: House) -> None:
        """The provider of the demo world; none beside data that is not ours."""
        if not world.may_live_here():
            return
        port = ground.any_port()
        seed = Path(settings.VAR_DIR) / "simulator.json"
        world.prepare(simulator_url=f"http://127.0.0.1:{port}", seed=seed)
        connections.close_all()
        running.start(
            house.simulator(running.logs, port=port, seed=seed),
            ready=lambda: house.accepts(port),
        )
        self._part("provider simulator", f"http://127.0.0.1:{port}")

    def _show(self, running: House) -> None:
        """Run the demo campaign where it has not run, and say where to look."""
        self._say("")
        if world.may_live_here():
            self._campaign(running)
        connections.close_all()
        self._say(f"Admin:     {settings.PUBLIC_BASE_URL}/admin/")
        if settings.EMBEDDED:
            self._say(f"Login:     {world.LOGIN} / {world.PASSWORD}")
        else:
            self._say("Login:     .venv/bin/python manage.py createsuperuser makes one")
        self._say("Ctrl-C stops everything; the data stays.")

    def _campaign(self, running: House) -> None:
        self._say("Running one campaign through it ...")
        try:
            course = campaign.Course(campaign.start_once())
            running.watch(until=course.is_over)
            for line in campaign.report(course.pushes):
                self._say(line)
        except CannotStart:
            raise
        except Exception:
            # The house itself runs: whoever looks at it needs no traceback.
            log = running.logs / "demo.log"
            log.write_text(traceback.format_exc())
            self._say(f"The demo campaign broke off: see {log}")

    def _migrate(self) -> None:
        try:
            call_command("migrate", verbosity=0, interactive=False)
        except DatabaseError as error:
            text = str(error).strip().splitlines()[0]
            raise CannotStart(f"The database cannot be used: {text}") from None
        finally:
            connections.close_all()

    def _require_redis(self) -> None:
        if not valkey.wait_for(settings.REDIS_URL, seconds=5):
            raise CannotStart("Nothing answers at REDIS_URL. Start it, or unset it.")

    def _part(self, name: str, what: str) -> None:
        self._say(f"  {name:<20}{what}")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
