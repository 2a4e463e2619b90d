"""A provider account tried out: one SMS, handed over at once, and the answer in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.http import Session
from backoffice.kit.ids import uuid7

from .models import Message, ProviderAccount, ProviderTemplate
from .transports import transport
from .transports.base import Approved, Exchange, Outcome, Outgoing

Status = Message.Status

LONGEST = 500
# What went wrong with a request, by the name that the seam for outbound HTTP gives it.
PROBLEMS = {
    "ServerDisconnectedError": gettext_lazy("connection lost"),
    "ClientOSError": gettext_lazy("connection lost"),
    "ClientPayloadError": gettext_lazy("answer cut off"),
    "TimeoutError": gettext_lazy("no answer in time"),
    "ServerTimeoutError": gettext_lazy("no answer in time"),
    "SocketTimeoutError": gettext_lazy("no answer in time"),
    "ConnectionTimeoutError": gettext_lazy("no connection in time"),
    "ClientConnectorError": gettext_lazy("no connection"),
    "ClientConnectorDNSError": gettext_lazy("no such host"),
    "InvalidURL": gettext_lazy("no address"),
}
_NUMBER = re.compile(r"\+?\d(?:[ -]?\d){6,}")


@dataclass(frozen=True, slots=True)
class Tried:
    """What the provider said to one SMS: in words, and in its own."""

    is_taken: bool
    words: str
    outcome: Outcome
    exchange: Exchange

    def facts(self) -> Iterator[tuple[str, object]]:
        """For staff, without the number that it was sent to."""
        yield _("Response code"), self.outcome.reference or "–"
        problem, code = self.exchange.problem, self.outcome.code
        if code and code != problem:
            yield _("Provider's code"), code
        yield _("HTTP status"), self.exchange.http_status or "–"
        if problem:
            yield _("Problem"), problem_words(problem)
        if answer := self.exchange.answer.strip():
            yield _("Answer"), _NUMBER.sub("•", answer)[:LONGEST]


def problem_words(problem: str) -> str:
    return str(PROBLEMS.get(problem, problem))


def try_out(
    account: ProviderAccount,
    phone: str,
    *,
    text: str = "",
    approved: ProviderTemplate | None = None,
) -> Tried:
    """Hand one SMS over, past gate and queue. On a template channel, an approved text."""
    item = _filled(phone, approved) if approved else _plain(account, phone, text)
    with Session() as http:
        exchanges = transport(account.transport).send(account, [item], http)
    exchange = (
        exchanges[0] if exchanges else Exchange([Outcome(item.id, Status.UNKNOWN)])
    )
    outcome = exchange.outcomes[0]
    taken = outcome.status == Status.SENT
    return Tried(taken, in_words(exchange, outcome), outcome, exchange)


def _plain(account: ProviderAccount, phone: str, text: str) -> Outgoing:
    signature = f"【{account.signature}】" if account.signature else ""
    return Outgoing(uuid7(), phone, signature + text)


def _filled(phone: str, approved: ProviderTemplate) -> Outgoing:
    compiled = approved.version.compiled(approved.sign_name)
    samples = dict.fromkeys(compiled.fields, "1")
    kind = approved.version.template.message_type
    samples |= {one.name: one.sample for one in kind.type_fields.all() if one.sample}
    named = Approved(approved.code, approved.sign_name, approved.filled(samples))
    return Outgoing(uuid7(), phone, compiled.render(samples), named)


def in_words(exchange: Exchange, outcome: Outcome) -> str:
    """What staff need to know of an answer, and what to look at next."""
    if outcome.status == Status.SENT:
        return _("Taken by the provider. Whether it arrives, its receipt will say.")
    if outcome.status == Status.FAILED:
        failure = dict(Message.Failure.choices).get(outcome.failure, outcome.failure)
        return _("Refused: %s.") % failure
    if outcome.status == Status.QUEUED:
        return _not_taken(exchange)
    return _(
        "Nobody knows: it may have been taken. Look at the address and the answer."
    )


def _not_taken(exchange: Exchange) -> str:
    if exchange.http_status in (401, 403):
        return _("Not let in: look at the secrets.")
    if exchange.http_status == 429:
        return _("Not taken: the provider takes no more now.")
    if exchange.http_status == 0:
        return _("Not taken: no connection. Look at the address.")
    return _("Not taken: the provider gives a reason below.")
