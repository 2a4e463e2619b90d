#!/usr/bin/env python
from __future__ import annotations

import os
import sys


def main() -> None:
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        version = ".".join(map(str, sys.version_info[:2]))
        sys.exit(
            f"Python 3.11, 3.12 or 3.13 is needed; this is {version}. See README.md."
        )
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as lack:
        sys.stderr.write(f"{lack}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
