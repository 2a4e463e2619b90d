from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from messaging.smpp.gateway import Gateway


class Command(BaseCommand):
    help = "Speaks SMPP for every enabled account. SIGTERM unbinds and ends it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--listen",
            metavar="HOST:PORT",
            help="where workers reach it; as SMPP_GATEWAY says",
        )

    def handle(self, *_args: Any, listen: str | None, **_options: Any) -> None:
        place = urlsplit(f"//{listen}" if listen else settings.SMPP_GATEWAY)
        if not place.hostname or not place.port:
            raise CommandError("Name a host and a port, such as 127.0.0.1:2780.")
        asyncio.run(Gateway().run(place.hostname, place.port))
