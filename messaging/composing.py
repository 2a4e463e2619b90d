"""What passed the gate becomes what leaves: texts, their parts, approved codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from .approvals import Approvals, LinkInValue
from .gate import Failure, Passed
from .models import TemplateVersion
from .rendering import Compiled, MissingFields
from .text import count_parts
from .transports.base import Approved, Outgoing

Ready = tuple[Passed, Outgoing, int]  # what passed, what leaves, its parts


def compose(
    passed: Sequence[Passed], approvals: Approvals
) -> tuple[list[Ready], list[tuple[UUID, str]]]:
    """Texts with their parts; and who lacks a field or has a link in one (A4)."""
    compiled = _templates({message.version_id for message in passed}, approvals)
    ready: list[Ready] = []
    incomplete: list[tuple[UUID, str]] = []
    rule: Any = approvals.account.parts_rule
    approved: Approved | None = None
    for message in passed:
        values = message.values
        try:
            text = compiled[message.version_id].render(values)
            if approvals.is_needed:
                approved = approvals.fill(message.version_id, values)
        except MissingFields:
            incomplete.append((message.id, Failure.MISSING_FIELD))
            continue
        except LinkInValue:
            incomplete.append((message.id, Failure.LINK_IN_VALUE))
            continue
        out = Outgoing(message.id, message.phone, text, approved)
        ready.append((message, out, count_parts(text, rule=rule).parts))
    return ready, incomplete


def _templates(ids: set[int], approvals: Approvals) -> dict[int, Compiled]:
    versions = TemplateVersion.objects.filter(pk__in=ids)
    return {
        version.pk: version.compiled(approvals.signature(version.pk))
        for version in versions
    }
