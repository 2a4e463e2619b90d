from __future__ import annotations

from .activity import Activity, ActivityField, CallTemplate, SignUp, Verification
from .event import EventParameter, EventType, MarketingEvent, PushStandard
from .notice import Notice
from .push import Push, PushPart, Recipient

__all__ = [
    "Activity",
    "ActivityField",
    "CallTemplate",
    "EventParameter",
    "EventType",
    "MarketingEvent",
    "Notice",
    "Push",
    "PushPart",
    "PushStandard",
    "Recipient",
    "SignUp",
    "Verification",
]
