"""What a voice provider's file gives us, and the words it may use (D5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from backoffice.kit.http import Session
from messaging.models import Call, ProviderAccount
from messaging.transports.base import Callback, Setting


@dataclass(frozen=True, slots=True)
class Dialled:
    """What the provider said to a call.

    `not_taken` and `refused` only where it surely calls nobody: the first may be placed
    again as it is, the second failed. `unknown` may have been taken.
    """

    outcome: Literal["accepted", "not_taken", "refused", "unknown"]
    reference: str = ""


@dataclass(frozen=True, slots=True)
class CallEvent:
    """How a call ended, in our words. `recording`: WAV from the moment of the answer.

    Found by our `call_id` where the provider echoes it, else by its `reference`.
    """

    reference: str
    call_id: UUID | None
    status: str
    keys: str = field(default="", repr=False)
    recording: bytes | None = field(default=None, repr=False)
    at: datetime | None = None


class VoiceTransport(Protocol):
    """A voice provider. One file, one class; its words become ours there and nowhere else."""

    settings: tuple[Setting, ...]
    secrets: tuple[Setting, ...]

    def dial(self, account: ProviderAccount, call: Call, http: Session) -> Dialled:
        """Have it call `call.phone` and speak `call.script`; outside any transaction.

        It learns the number, the script and the kind of answer, never the right answer.
        """

    def parse_calls(self, body: bytes) -> list[CallEvent]:
        """Raises `messaging.transports.base.Unreadable`."""

    def verify(self, account: ProviderAccount, callback: Callback) -> bool:
        """Is a callback really the provider's, beyond the token in its address?"""

    def acknowledgement(self) -> tuple[str, bytes]:
        """Content type and body that the provider takes for "received"."""
