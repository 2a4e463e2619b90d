from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from backoffice.supervisor.workers import Crew, plan


class Command(BaseCommand):
    help = "Runs workers over all lanes. SIGTERM lets them finish the job under way."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--count",
            type=int,
            help="how many workers: 2 on SQLite, which takes one writer, else 4",
        )

    def handle(self, *_args: Any, count: int | None, **_options: Any) -> None:
        if count is None:
            count = 2 if connection.vendor == "sqlite" else 4
        if count < 1:
            raise CommandError("--count must be 1 or more")
        Crew(plan(count)).serve()
