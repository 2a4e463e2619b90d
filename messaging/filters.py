"""What partners may look for among messages."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import django_filters
from django.db.models import QuerySet

from backoffice.kit.rest import CreatedFilters

from .models import Message

STATUSES = {status.name.lower(): status for status in Message.Status}
STATUS_CHOICES = [(name, status.label) for name, status in STATUSES.items()]
# A message's id is made a little before or after the moment it counts as created.
_SLACK_MS = 24 * 3600 * 1000


class MessageFilters(CreatedFilters):
    created_after = django_filters.IsoDateTimeFilter(method="created_since")
    status = django_filters.ChoiceFilter(choices=STATUS_CHOICES, method="with_status")
    failure = django_filters.ChoiceFilter(choices=Message.Failure.choices)
    customer = django_filters.CharFilter(
        field_name="customer__external_id", help_text="A customer number."
    )
    source = django_filters.CharFilter(
        field_name="customer__source", help_text="Whose customer numbers."
    )
    type = django_filters.CharFilter(
        field_name="template_version__template__message_type__code",
        help_text="Code of a message type.",
    )

    def created_since(
        self, queryset: QuerySet[Message], name: str, value: datetime
    ) -> QuerySet[Message]:
        # Ids grow with time: else a page with few rows would read the whole table.
        return queryset.filter(created_at__gte=value, id__gte=_earliest_id(value))

    def with_status(
        self, queryset: QuerySet[Message], name: str, value: str
    ) -> QuerySet[Message]:
        return queryset.filter(status=STATUSES[value])


def _earliest_id(moment: datetime) -> UUID:
    """A UUID version 7 begins with its milliseconds (kit/ids.py)."""
    return UUID(int=max(0, int(moment.timestamp() * 1000) - _SLACK_MS) << 80)
