"""Who may sign up for an activity, decided anew at each visit (D2). Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Page = Literal["sign_up", "other", "closed", "done"]


@dataclass(frozen=True, slots=True)
class ActivityFacts:
    """What the decision needs of an activity: label codes, one of which is enough."""

    labels: frozenset[str]
    starts_at: datetime
    ends_at: datetime


def admit(
    activity: ActivityFacts,
    held: Collection[str],
    *,
    blocked: bool,
    signed_up: bool,
    now: datetime,
) -> Page:
    """Which page a customer who holds these label codes at `now` gets (D2).

    `blocked`: the participation was stopped (D7). A stopped one and an unlabelled one
    get the same page whatever else is true, so that they learn nothing from it.
    """
    if blocked:
        return "other"
    if activity.labels.isdisjoint(held):
        return "other"
    if signed_up:
        return "done"
    if not activity.starts_at <= now < activity.ends_at:
        return "closed"
    return "sign_up"
