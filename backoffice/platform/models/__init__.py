from __future__ import annotations

from .access import ApiClient, AuditEntry
from .files import Import, ImportMapping, UploadedFile
from .parameter import Parameter
from .received import ReceivedItem
from .schedule import Schedule, ScheduleRun

__all__ = [
    "ApiClient",
    "AuditEntry",
    "Import",
    "ImportMapping",
    "Parameter",
    "ReceivedItem",
    "Schedule",
    "ScheduleRun",
    "UploadedFile",
]
