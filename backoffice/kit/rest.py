"""Pieces of every partner API view: strict items, fields that take our kinds of value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, ClassVar
from zoneinfo import available_timezones

import django_filters
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ValidationError

from .phones import BadPhone, to_e164
from .problems import CONTENT_TYPE, HEADER, request_id

# A partner's clock may be a little ahead of ours.
_AHEAD = timedelta(minutes=5)
_MOST_ATTRIBUTES = 100


class PartnerView(GenericAPIView[Any]):
    """A view of the partner API. `scope` is what the key must hold, by method if it differs."""

    scope: ClassVar[str | Mapping[str, str]]
    # OPTIONS would tell the form of a view to anybody: the OpenAPI document does that.
    metadata_class = None

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        done = super().finalize_response(request, response, *args, **kwargs)
        done[HEADER] = request_id(request)
        return done


class Strict(serializers.Serializer[Any]):
    """An input that refuses fields it does not know: a misspelt one is never lost silently."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = self._unknown(data)
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            if isinstance(error.detail, dict):
                raise ValidationError({**error.detail, **unknown}) from None
            raise
        if unknown:
            raise ValidationError(unknown)
        return value

    def _unknown(self, data: Any) -> dict[str, Any]:
        names = set(data) - set(self.fields) if isinstance(data, Mapping) else ()
        error = serializers.ErrorDetail(
            str(_("There is no such field.")), code="unknown"
        )
        return {str(name): [error] for name in sorted(names)}


class PhoneField(serializers.CharField):
    """E.164, or as people write it in the default region; the value is E.164."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=40, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            return to_e164(text, region=settings.DEFAULT_PHONE_REGION) if text else ""
        except BadPhone as error:
            raise ValidationError(str(error), code="bad_phone") from None


@cache
def _time_zones() -> frozenset[str]:
    # Read once: it walks the folders of the zone files, 14 ms a time.
    return frozenset(available_timezones())


class TimeZoneField(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if name and name not in _time_zones():
            text = _("There is no such time zone: write it like Asia/Shanghai.")
            raise ValidationError(text, code="bad_time_zone")
        return name


class PastField(serializers.DateTimeField):
    """A moment that has been: one from the future would win over all that comes later."""

    def to_internal_value(self, value: Any) -> datetime:
        moment: datetime = super().to_internal_value(value)
        if moment > timezone.now() + _AHEAD:
            raise ValidationError(_("The time is in the future."), code="future")
        return moment


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "maxLength": 500},
            {"type": "number"},
            {"type": "boolean"},
        ]
    }
)
class ScalarField(serializers.CharField):
    """Text, a number, or yes or no, as it is."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=500, allow_blank=True, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, bool):
            return data
        if isinstance(data, int | float) and math.isfinite(data) and abs(data) < 1e15:
            return data
        if isinstance(data, str):
            return super().run_validation(data)
        raise ValidationError(_("It is not a text or a number."), code="not_scalar")


class AttributesField(serializers.DictField):
    """A flat object of further facts, each a text, a number, true or false."""

    child = ScalarField()

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, dict):
            if len(data) > _MOST_ATTRIBUTES:
                text = str(_("Too many attributes: %d at most.")) % _MOST_ATTRIBUTES
                raise ValidationError(text, code="too_many")
            if not all(map(_is_name, data)):
                wrong = _("A name must have 1 to 60 characters that can be shown.")
                raise ValidationError(wrong, code="bad_name")
        return super().to_internal_value(data)


def _is_name(name: str) -> bool:
    return 0 < len(name) <= 60 and name.isprintable()


class CreatedFilters(django_filters.FilterSet):  # type: ignore[misc]
    """Half-open: `created_after` belongs to it, `created_before` does not any more."""

    created_after = django_filters.IsoDateTimeFilter(
        field_name="created_at", lookup_expr="gte"
    )
    created_before = django_filters.IsoDateTimeFilter(
        field_name="created_at", lookup_expr="lt"
    )


class ErrorOut(serializers.Serializer[Any]):
    pointer = serializers.CharField(
        required=False,
        help_text="JSON pointer into the body, such as `/items/3/phone`.",
    )
    parameter = serializers.CharField(
        required=False, help_text="Name of the query parameter."
    )
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemOut(serializers.Serializer[Any]):
    """Problem details (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()
    request_id = serializers.CharField()
    errors = ErrorOut(many=True, required=False)  # type: ignore[assignment]


def problems(*statuses: int) -> dict[Any, Any]:
    """What a view may answer beside its result, for the OpenAPI document."""
    return {(status, CONTENT_TYPE): ProblemOut for status in (400, 401, 403, *statuses)}
