"""What a provider's file gives us, and the words it may use. See docs/adding-a-provider.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from django.utils.functional import Promise

from backoffice.kit.http import Session
from messaging.models import Message, ProviderAccount

Status = Message.Status
Failure = Message.Failure


# "text": the text itself goes over the wire. "template": a text that the provider has
# approved is named by its code, with the values for it.
Mode = Literal["text", "template"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that an account of this provider must or may say; its form is made of these."""

    name: str
    label: str | Promise
    kind: Literal["text", "url", "number", "yes/no", "choice"] = "text"
    is_required: bool = False
    help: str | Promise = ""
    default: Any = None
    choices: tuple[tuple[str, str | Promise], ...] = ()


@dataclass(frozen=True, slots=True)
class Approved:
    """A text as a template channel names it. `variables`: name and value, in its order."""

    code: str
    sign_name: str
    variables: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One SMS as it leaves: E.164 phone and the full text; `approved` on a template channel."""

    id: UUID
    phone: str
    text: str
    approved: Approved | None = None


@dataclass(frozen=True, slots=True)
class Callback:
    """A provider's request to us. `url` as the provider wrote it, scheme and host included.

    `headers` by lower-case name. `body`: of a GET request, its query string.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one SMS in a request.

    `status`: SENT with the provider's `reference`; FAILED with a `failure`; QUEUED only
    where the provider surely took nothing; UNKNOWN in every other case. `code` is the
    provider's own word.
    """

    id: UUID
    status: int
    reference: str = ""
    failure: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request to a provider and what it did for each SMS in it."""

    outcomes: Sequence[Outcome]
    http_status: int = 0
    problem: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True)
class ReceiptEvent:
    """A delivery report in our words. `message_id` where the provider echoes our id.

    `status`: SENT, FAILED, EXPIRED or DELIVERED. A report in words that are not known
    says SENT: the provider has the SMS. `phone` as it was handed over.
    """

    reference: str
    phone: str
    status: int
    failure: str = ""
    words: str = ""
    at: datetime | None = None
    message_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ReplyEvent:
    """A text that somebody sent us; `id` is the provider's, unique in the account.

    `reference`: the response code of the SMS it answers, where the provider says (E5).
    """

    id: str
    phone: str
    text: str
    at: datetime | None = None
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """An SMS that we are in doubt about, with all that a provider may be asked by.

    `at`: when it was handed over. `reference`: where an answer gave one.
    """

    id: UUID
    phone: str
    at: datetime
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The provider's answer to a query about one SMS; None: it knows nothing of it."""

    id: UUID
    event: ReceiptEvent | None


class Unreadable(ValueError):
    """A callback's body is not what the provider's documentation says.

    Its words are kept in a plain column: the kind of error, nothing of the body.
    """


class Transport(Protocol):
    """A provider. One file, one class; its words become ours there and nowhere else."""

    batch: int
    can_query: bool
    mode: Mode
    settings: tuple[Setting, ...]
    secrets: tuple[Setting, ...]

    def send(
        self, account: ProviderAccount, items: Sequence[Outgoing], http: Session
    ) -> list[Exchange]:
        """Hand over SMS, `batch` a request. Called outside any transaction; never raises."""

    def query(
        self, account: ProviderAccount, asked: Sequence[Asked], http: Session
    ) -> list[Found] | None:
        """What became of them; None where the provider could not be asked.

        One that it cannot say anything of is left out.
        """

    def verify(self, account: ProviderAccount, callback: Callback) -> bool:
        """Is a callback really the provider's, beyond the token in its address?"""

    def parse_receipts(self, body: bytes) -> list[ReceiptEvent]:
        """Raises Unreadable."""

    def parse_replies(self, body: bytes) -> list[ReplyEvent]:
        """Raises Unreadable."""

    def acknowledgement(self) -> tuple[str, bytes]:
        """Content type and body that the provider takes for "received"."""


def complete(items: Sequence[Outgoing], exchanges: list[Exchange]) -> list[Exchange]:
    """The exchanges, and doubt for each SMS that a provider's file said nothing of."""
    if sum(len(one.outcomes) for one in exchanges) == len(items):
        return exchanges
    said = {outcome.id for one in exchanges for outcome in one.outcomes}
    silent = [item.id for item in items if item.id not in said]
    unknown = [Outcome(one, Status.UNKNOWN) for one in silent]
    return [*exchanges, Exchange(unknown, problem="no outcome")]


def cut(rows: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
