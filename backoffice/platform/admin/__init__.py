from __future__ import annotations

from . import access, files, imports, parameters, schedules, staff

__all__ = ["access", "files", "imports", "parameters", "schedules", "staff"]
