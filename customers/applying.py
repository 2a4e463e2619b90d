"""One rule applied to a chunk of customers, set-based, inside the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from backoffice.kit.bulk import insert_rows, update_rows

from .conditions import FACTS, to_q
from .models import (
    CompletionRequest,
    Customer,
    CustomerLabel,
    Label,
    LabelChange,
    NoApplyInterval,
    Rule,
    ScreeningRun,
)


@dataclass(frozen=True, slots=True)
class Hit:
    """A customer whom a rule changes, with all its facts (JSON) and its segment now."""

    customer_id: int
    facts: str
    segment_row: int | None
    segment: int | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some customers. `within` bounds every subquery by its `customer`: without it each
    chunk of thousands reads whole tables (measured: the run becomes quadratic)."""

    people: QuerySet[Customer]
    within: Q

    @classmethod
    def between(cls, first: int, last: int) -> Chunk:
        """All customers from one id to another."""
        return cls(
            Customer.objects.filter(pk__gte=first, pk__lte=last),
            Q(customer__gte=first, customer__lte=last),
        )

    @classmethod
    def of(cls, ids: Sequence[int]) -> Chunk:
        """These few hundred, wherever they lie; `ids` ascending."""
        # Bounded by the range too: the ids again in each subquery cost four times the CPU.
        spread = cls.between(ids[0], ids[-1])
        return cls(Customer.objects.filter(pk__in=ids), spread.within)


def apply(rule: Rule, chunk: Chunk, *, run: ScreeningRun, now: datetime) -> int:
    """Do what the rule says to those of the chunk whom it concerns; returns how many."""
    condition = to_q(rule.condition, within=chunk.within)
    hits = _hits(
        chunk.people.filter(_concerned(rule, chunk.within, now) & condition),
        chunk.within,
    )
    if not hits:
        return 0
    if rule.action == Rule.Action.NO_APPLY:
        _mark(rule, hits, run, now)
    else:
        _relabel(rule, hits, run, now)
    return len(hits)


def holding(within: Q, **conditions: object) -> Exists:
    """Over Customer: holds a label now, such as `label=..., rule=...`."""
    held = CustomerLabel.objects.filter(within, customer=OuterRef("pk"), until=None)
    return Exists(held.filter(**conditions))


def _concerned(rule: Rule, within: Q, now: datetime) -> Q:
    """Those the rule is for, and for whom it would change something."""
    if rule.from_label_id is None:
        stands = Q(~holding(within, is_segment=True))
    elif rule.came_from_id is None:
        stands = Q(holding(within, label=rule.from_label_id))
    else:
        stands = Q(holding(within, label=rule.from_label_id, rule=rule.came_from_id))
    if rule.action == Rule.Action.LABEL:
        return stands & Q(~holding(within, label=rule.to_label_id))
    current = NoApplyInterval.objects.filter(
        within, customer=OuterRef("pk"), end_at__gt=now, ended_at=None, rule=rule
    )
    return stands & Q(~Exists(current))


def _hits(people: QuerySet[Customer], within: Q) -> list[Hit]:
    segment = CustomerLabel.objects.filter(
        within, customer=OuterRef("pk"), until=None, is_segment=True
    )
    rows = people.annotate(
        segment_row=Subquery(segment.values("pk")[:1]),
        segment=Subquery(segment.values("label")[:1]),
        **{
            f"fact_{name}": fact.expression(within=within)
            for name, fact in FACTS.items()
        },
    ).values_list("pk", "segment_row", "segment", *(f"fact_{name}" for name in FACTS))
    written: dict[tuple[bool, ...], str] = {}
    hits = []
    for pk, row, label, *values in rows.iterator(chunk_size=5_000):
        known = tuple(map(bool, values))
        if known not in written:
            written[known] = json.dumps(dict(zip(FACTS, known, strict=True)))
        hits.append(Hit(pk, written[known], row, label))
    return hits


def _relabel(rule: Rule, hits: Sequence[Hit], run: ScreeningRun, now: datetime) -> None:
    assert rule.to_label is not None
    to_segment = rule.to_label.kind == Label.Kind.SEGMENT
    if to_segment:
        ended = [(hit.segment_row, now) for hit in hits if hit.segment_row]
        update_rows(CustomerLabel, "id", ["until"], ended)
    insert_rows(
        CustomerLabel,
        ["customer", "label", "is_segment", "rule", "since"],
        [(h.customer_id, rule.to_label_id, to_segment, rule.pk, now) for h in hits],
    )
    insert_rows(
        LabelChange,
        [
            "customer",
            "at",
            "from_label",
            "to_label",
            "rule",
            "rule_version",
            "facts",
            "run",
        ],
        [
            (
                hit.customer_id,
                now,
                hit.segment if to_segment else None,
                rule.to_label_id,
                rule.pk,
                rule.version,
                hit.facts,
                run.pk,
            )
            for hit in hits
        ],
    )


def _mark(rule: Rule, hits: Sequence[Hit], run: ScreeningRun, now: datetime) -> None:
    end = now + timedelta(days=rule.no_apply_days or 0)
    insert_rows(
        NoApplyInterval,
        ["customer", "start_at", "end_at", "rule", "facts", "run"],
        [(hit.customer_id, now, end, rule.pk, hit.facts, run.pk) for hit in hits],
    )
    if rule.opens_completion:
        made = NoApplyInterval.objects.filter(
            run=run, rule=rule, customer__in=[hit.customer_id for hit in hits]
        )
        insert_rows(
            CompletionRequest,
            ["interval", "customer", "opened_at"],
            [(*pair, now) for pair in made.values_list("pk", "customer_id")],
        )
