from __future__ import annotations

from .account import CallbackToken, ProviderAccount
from .call import Call
from .chunk import Chunk
from .doubt import Doubt
from .failed_number import FailedNumber
from .forbidden_word import ForbiddenWord
from .health import AccountHealth, WeightChange
from .inbound import InboundMessage
from .message import Message
from .pace import Pace
from .provider_template import ProviderTemplate
from .quiet import QuietHours, SpecialDay
from .receipt import CallbackRequest, Receipt
from .route import Route
from .stop import Stop
from .submission import ProviderReference, Submission
from .template import Keyword, MessageType, Template, TemplateVersion, TypeField

__all__ = [
    "AccountHealth",
    "Call",
    "CallbackRequest",
    "CallbackToken",
    "Chunk",
    "Doubt",
    "FailedNumber",
    "ForbiddenWord",
    "InboundMessage",
    "Keyword",
    "Message",
    "MessageType",
    "Pace",
    "ProviderAccount",
    "ProviderReference",
    "ProviderTemplate",
    "QuietHours",
    "Receipt",
    "Route",
    "SpecialDay",
    "Stop",
    "Submission",
    "Template",
    "TemplateVersion",
    "TypeField",
    "WeightChange",
]
