"""A credit source over HTTP: asked for ids, it answers facts and lines (B2).

`POST {"ids": [..]}` -> `{"results": {id: {fact: bool, .., "lines": [{reference, kind,
product, amount, is_open}]}}}`, the secret as a bearer token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from backoffice.kit.bulk import chunks
from backoffice.kit.http import Answer, Session, json_request
from customers.conditions import CREDIT_FACTS
from customers.models import CreditLine, CreditSource

BATCH = 1_000
MOST = Decimal(10) ** 12


@dataclass(frozen=True, slots=True)
class FetchedLine:
    reference: str
    kind: str
    product: str
    amount: Decimal | None
    is_open: bool


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a source says of one customer now; facts it does not name are not in it."""

    facts: dict[str, bool]
    lines: list[FetchedLine] = field(default_factory=list)


class BadAnswer(ValueError):
    """The source answered something else than was agreed."""


def fetch(
    http: Session, source: CreditSource, ids: Sequence[str]
) -> tuple[dict[str, Fetched], str]:
    """What the source says of these customer numbers, and the first problem, if any.

    Those it does not answer for, or whose batch failed, are absent.
    """
    batches = list(chunks(ids, BATCH))
    headers = {"Authorization": f"Bearer {source.secret}"} if source.secret else {}
    answers = http.send(
        [json_request("POST", source.url, {"ids": b}, **headers) for b in batches]
    )
    found: dict[str, Fetched] = {}
    problem = ""
    for batch, answer in zip(batches, answers, strict=True):
        try:
            found |= _read(answer, set(batch))
        except BadAnswer as error:
            problem = problem or str(error)
    return found, problem


def _read(answer: Answer, asked: set[str]) -> dict[str, Fetched]:
    if not answer.ok:
        raise BadAnswer(
            _("it answered with status %d") % answer.status
            if answer.status
            else _("it did not answer (%s)") % answer.problem
        )
    body = answer.json()
    results = body.get("results") if isinstance(body, dict) else None
    if not isinstance(results, dict):
        raise BadAnswer(_("its answer has no results"))
    return {
        number: _one(number, said)
        for number, said in results.items()
        if number in asked
    }


def _one(number: str, said: Any) -> Fetched:
    if not isinstance(said, dict) or not isinstance(said.get("lines", []), list):
        raise BadAnswer(_("its answer for customer %s is not readable") % number)
    facts = {name: said[name] for name in CREDIT_FACTS if name in said}
    if not all(isinstance(value, bool) for value in facts.values()):
        raise BadAnswer(_("a fact of customer %s is not true or false") % number)
    return Fetched(facts, [_line(number, line) for line in said.get("lines", [])])


def _line(number: str, line: Any) -> FetchedLine:
    try:
        return FetchedLine(
            _text(line["reference"])[:64],
            CreditLine.Kind(line["kind"]),
            _text(line.get("product") or "")[:60],
            _amount(line.get("amount")),
            bool(line.get("is_open", True)),
        )
    except (KeyError, TypeError, AttributeError, ValueError, InvalidOperation):
        text = _("a credit line of customer %s is not readable") % number
        raise BadAnswer(text) from None


def _text(said: object) -> str:
    if "\0" in (text := str(said)):
        raise ValueError("no database takes it")
    return text


def _amount(said: object) -> Decimal | None:
    amount = None if said is None else Decimal(str(said))
    if amount is not None and not 0 <= amount < MOST:
        raise ValueError("beyond the column")
    return amount
