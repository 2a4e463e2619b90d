"""What partners may look for among notices, events and sign-ups."""

from __future__ import annotations

import django_filters

from backoffice.kit.rest import CreatedFilters

from .models import Notice, SignUp


class NoticeFilters(CreatedFilters):
    client_reference = django_filters.CharFilter()
    status = django_filters.ChoiceFilter(choices=Notice.Status.choices)
    hold = django_filters.ChoiceFilter(choices=Notice.Hold.choices)
    type = django_filters.CharFilter(
        field_name="message_type__code", help_text="Code of a message type."
    )
    send_on = django_filters.DateFilter()


class EventFilters(CreatedFilters):
    type = django_filters.CharFilter(
        field_name="event_type__code", help_text="Code of an event type."
    )
    requested_by = django_filters.CharFilter()


class SignUpFilters(CreatedFilters):
    activity = django_filters.CharFilter(
        field_name="activity__slug", help_text="An activity's address."
    )
    status = django_filters.ChoiceFilter(choices=SignUp.Status.choices)
    customer = django_filters.CharFilter(
        field_name="customer__external_id", help_text="A customer number."
    )
    source = django_filters.CharFilter(
        field_name="customer__source", help_text="Whose customer numbers."
    )
