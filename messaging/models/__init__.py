from __future__ import annotations

from .account import CallbackToken, ProviderAccount
from .call import Call
from .failed_number import FailedNumber
from .inbound import InboundMessage
from .message import Chunk, Message
from .receipt import CallbackRequest, Receipt
from .submission import ProviderReference, Submission
from .template import Keyword, MessageType, Template, TemplateVersion

__all__ = [
    "Call",
    "CallbackRequest",
    "CallbackToken",
    "Chunk",
    "FailedNumber",
    "InboundMessage",
    "Keyword",
    "Message",
    "MessageType",
    "ProviderAccount",
    "ProviderReference",
    "Receipt",
    "Submission",
    "Template",
    "TemplateVersion",
]
