"""Consents stored set-based: a yes with its source and time, a no that takes it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from backoffice.kit.bulk import update_rows
from backoffice.kit.upsert import upsert_rows

from .models import Consent


@dataclass(frozen=True, slots=True)
class Answer:
    """A customer's yes or no to marketing. `at` is None where nobody wrote down when."""

    customer_id: int
    is_yes: bool
    source: str
    at: datetime | None = None


def store_answers(answers: Sequence[Answer], *, now: datetime) -> None:
    """Store answers. A withdrawn consent comes back only by a yes dated after it.

    So that the same old file, read again, never undoes a withdrawal.
    """
    marketing = Consent.Purpose.MARKETING
    fields = ["customer", "purpose", "source", "given_at"]
    key = ["customer", "purpose"]
    dated = [
        (a.customer_id, marketing, a.source, a.at) for a in answers if a.is_yes and a.at
    ]
    upsert_rows(
        Consent,
        fields,
        dated,
        key=key,
        update={
            "source": "excluded.source",
            "given_at": "excluded.given_at",
            "withdrawn_at": "NULL",
        },
        where="t.withdrawn_at IS NULL OR excluded.given_at > t.withdrawn_at",
    )
    undated = [
        (a.customer_id, marketing, a.source, now)
        for a in answers
        if a.is_yes and not a.at
    ]
    upsert_rows(Consent, fields, undated, key=key, update=[])
    withdrawn = [(a.customer_id, a.at or now) for a in answers if not a.is_yes]
    update_rows(
        Consent,
        "customer",
        ["withdrawn_at"],
        withdrawn,
        where=f"t.withdrawn_at IS NULL AND t.purpose = '{marketing.value}'"
        " AND t.given_at <= v.withdrawn_at",
    )
