"""Phone numbers in what partners read: masked, or in full for a scope, on record."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backoffice.kit.masking import mask_phone
from backoffice.kit.rest import PartnerView

from .models import ApiClient, AuditEntry

PII = ApiClient.Scope.PII.value


class PhoneOut(serializers.CharField):
    """The last four digits; the whole number for a key that holds `pii:read`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            read_only=True, help_text="Masked without the scope `pii:read`.", **kwargs
        )

    def to_representation(self, value: str) -> str:
        if not value or ApiClient.of(self.context["request"]).may(PII):
            return value
        return mask_phone(value)


class PhonesOnRecord(PartnerView):
    """Whoever reads numbers in full leaves an audit entry: which client, how many."""

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        done = super().finalize_response(request, response, *args, **kwargs)
        reads = request.method in ("GET", "HEAD") and isinstance(response, Response)
        if reads and ApiClient.of(request).may(PII):
            rows = response.data.get("results", [response.data])
            _put_on_record(ApiClient.of(request), request.path, len(rows))
        return done


def _put_on_record(client: ApiClient, path: str, count: int) -> None:
    AuditEntry.write(None, "numbers read by API", client, path=path, count=count)
