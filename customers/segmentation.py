"""What the rule set decides for one customer: the oracle of set-based screening (B1-B5, B8).

Pure: given the rules, where the customer stands and its facts. Rules run in order, each
on what those before it made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from .conditions import Tree, holds


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """A rule, by codes. Either it gives a label or it marks for `no_apply_days`."""

    code: str
    condition: Tree
    from_label: str | None = None
    came_from: str | None = None
    to_label: str | None = None
    gives_segment: bool = True
    no_apply_days: int | None = None
    opens_completion: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a customer stands: each label it holds with the rule that gave it (None: by hand),
    which of them is the segment, and the rules whose mark runs now."""

    labels: Mapping[str, str | None] = field(default_factory=dict)
    segment: str | None = None
    marked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Relabelled:
    rule: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class Marked:
    rule: str
    start_at: datetime
    end_at: datetime
    opens_completion: bool


Decision = Relabelled | Marked


def decide(
    rules: Sequence[RuleFacts],
    standing: Standing,
    facts: Mapping[str, bool],
    now: datetime,
) -> list[Decision]:
    """The changes that the rules make to one customer, in order."""
    decisions: list[Decision] = []
    for rule in rules:
        if not (concerns(rule, standing) and holds(rule.condition, facts)):
            continue
        if rule.no_apply_days:
            decisions.append(_mark(rule, now))
            standing = replace(standing, marked=standing.marked | {rule.code})
        elif rule.to_label:
            before = standing.segment if rule.gives_segment else None
            decisions.append(Relabelled(rule.code, before, rule.to_label))
            standing = _relabel(standing, rule)
    return decisions


def concerns(rule: RuleFacts, standing: Standing) -> bool:
    """Whether the rule is for a customer who stands here, and would change something."""
    if rule.to_label in standing.labels or rule.code in standing.marked:
        return False
    if rule.from_label is None:
        return standing.segment is None
    if rule.from_label not in standing.labels:
        return False
    return rule.came_from is None or standing.labels[rule.from_label] == rule.came_from


def _mark(rule: RuleFacts, now: datetime) -> Marked:
    end = now + timedelta(days=rule.no_apply_days or 0)
    return Marked(rule.code, now, end, rule.opens_completion)


def _relabel(standing: Standing, rule: RuleFacts) -> Standing:
    assert rule.to_label is not None
    labels = dict(standing.labels)
    if rule.gives_segment and standing.segment:
        labels.pop(standing.segment)
    labels[rule.to_label] = rule.code
    segment = rule.to_label if rule.gives_segment else standing.segment
    return replace(standing, labels=labels, segment=segment)
