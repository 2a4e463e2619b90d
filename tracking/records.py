"""Tracking records: made beside their messages, one to one (E2, E7, E8)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from backoffice.kit.bulk import insert_rows

from .models import ParameterSet, ParameterValue, TrackingRecord

Tree = list[dict[str, Any]]

_FIELDS = ["message", "customer", "code", "target"]


@dataclass(frozen=True, slots=True)
class Track:
    """One SMS to be tracked; `code` None where its template has no link."""

    message_id: UUID
    customer_id: int | None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Tracking:
    """What the tracked messages have in common.

    `tree`: business tracking parameters, `[{"name", "value", "children": [...]}]`.
    `requested_by`: the business party that ordered them (E8). `adds_token`: the target
    is an activity's page, which asks for a signed click.
    """

    requested_by: str
    target: str = ""
    adds_token: bool = False
    tree: Tree = field(default_factory=list)
    business_type_id: int | None = None


def record(tracks: Sequence[Track], tracking: Tracking, *, now: datetime) -> int:
    """Write the tracking records; call it in the transaction that makes the messages."""
    known = parameter_set(tracking.tree)
    same = {
        "adds_token": tracking.adds_token,
        "parameters": known.pk if known else None,
        "requested_by": tracking.requested_by,
        "business_type": tracking.business_type_id,
        "created_at": now,
    }
    rows = [
        (track.message_id, track.customer_id, track.code, _target(track, tracking))
        for track in tracks
    ]
    return insert_rows(TrackingRecord, _FIELDS, rows, same=same)


def _target(track: Track, tracking: Tracking) -> str:
    return tracking.target if track.code else ""


@transaction.atomic
def parameter_set(tree: Tree) -> ParameterSet | None:
    """The row of these parameters, made on first use; None for none. Raises ValueError."""
    if not tree:
        return None
    check_tree(tree)
    written = json.dumps(tree, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(written.encode()).hexdigest()
    row, made = ParameterSet.objects.get_or_create(
        digest=digest, defaults={"tree": tree}
    )
    if made:
        values = {(path, value) for path, value in flatten(tree)}
        ParameterValue.objects.bulk_create(
            ParameterValue(set=row, path=path, value=value)
            for path, value in sorted(values)
        )
    return row


def flatten(tree: Tree, above: str = "") -> Iterator[tuple[str, str]]:
    """Every node as (names from the root, value): `("channel/spot", "sms-1")`."""
    for node in tree:
        path = f"{above}/{node['name']}" if above else str(node["name"])
        yield path, str(node["value"])
        yield from flatten(node.get("children", []), path)


def check_tree(tree: Any, depth: int = 1) -> None:
    """Raises ValueError, naming the node, for anything but named values with children."""
    if not isinstance(tree, list) or depth > 5:
        raise ValueError(_("Tracking parameters: a list, at most five levels deep."))
    for node in tree:
        if not isinstance(node, dict) or set(node) - {"name", "value", "children"}:
            raise ValueError(
                _("Tracking parameters: each has a name, a value and children.")
            )
        name, value = str(node.get("name", "")), str(node.get("value", ""))
        if not name or "/" in name or not value or len(name) > 40 or len(value) > 200:
            raise ValueError(
                _("Tracking parameter “%s”: give a short name and a value.") % name
            )
        check_tree(node.get("children", []), depth + 1)
