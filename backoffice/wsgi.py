"""The web's front: two fast doors, then Django.

Short links and providers' callbacks are small WSGI callables: they answer before Django's
middleware, which they do not need and which costs most of their time (performance.md).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
django = get_wsgi_application()

from messaging import callbacks  # noqa: E402  the apps must be loaded first
from tracking import redirect  # noqa: E402

DOORS = {"l": redirect.door, "callbacks": callbacks.door}


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    first = environ["PATH_INFO"].split("/", 2)[1:2]
    door = DOORS.get(first[0]) if first else None
    answer: Iterable[bytes] = (door or django)(environ, start_response)
    return answer
