"""Partners send behaviour records (C1, C2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from backoffice.kit.problems import error
from backoffice.kit.rest import AttributesField, PastField, Strict, problems
from backoffice.platform.batches import BatchMixin, Item, ItemIn, Result, ResultsOut
from backoffice.platform.models import ApiClient

from .ingest import Outcome, ingest
from .models import BehaviourSource
from .rows import ATTRIBUTE

MOST_USERS = 100


class UserField(serializers.RegexField):
    def __init__(self, **kwargs: Any) -> None:
        # Several numbers share a cell with these marks between them.
        super().__init__(r"^[^;|,]+$", max_length=64, **kwargs)


class BehaviourIn(ItemIn):
    record_key = serializers.CharField(
        max_length=80,
        required=False,
        help_text="Your id of the record; without it, `client_reference`.",
    )
    external_ids = serializers.ListField(
        child=UserField(), allow_empty=False, max_length=MOST_USERS
    )
    business_type = serializers.CharField(
        max_length=80, help_text="Its code, or your word where staff know it."
    )
    at = PastField()
    amount = serializers.DecimalField(
        max_digits=14, decimal_places=2, required=False, allow_null=True
    )
    product = serializers.CharField(max_length=60, required=False, allow_blank=True)
    attributes = AttributesField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("record_key") and not attrs.get("client_reference"):
            text = _("Give record_key or client_reference: it tells a repeat.")
            raise serializers.ValidationError({"record_key": [text]}, code="required")
        return attrs


class BehaviourItemsIn(Strict):
    items = BehaviourIn(many=True)


class BehaviourViews(BatchMixin, GenericViewSet[Any]):
    """What users did: a record names one or several, a business type and the facts."""

    scope = ApiClient.Scope.BEHAVIOUR.value
    item = BehaviourIn

    @extend_schema(
        request=BehaviourItemsIn,
        responses={200: ResultsOut, 207: ResultsOut, **problems(413)},
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Record behaviour; at most 1,000.

        Each is `recorded`, `repeated`, `ignored` (a word for no business type), `set_aside`
        (kept until staff add the word for its business type) or `invalid`.
        """
        return super().create(request, *args, **kwargs)

    def store(
        self, items: Sequence[Item], client: ApiClient, now: datetime
    ) -> dict[int, Result]:
        source = source_of(client)
        rows = [_row(item.values) for item in items]
        taken = ingest(source, rows, first_row=0, file=None, now=now)
        return {
            items[outcome.row_number].index: _result(items[outcome.row_number], outcome)
            for outcome in taken.outcomes
        }


def source_of(client: ApiClient) -> BehaviourSource:
    """The source of what a client sends, made on first use.

    Staff may give it aliases and the source of its customer numbers, and switch it off.
    Raises PermissionDenied where they did.
    """
    source, _made = BehaviourSource.objects.get_or_create(
        name=f"api:{client.slug}", defaults={"kind": BehaviourSource.Kind.API}
    )
    if not source.is_enabled:
        raise PermissionDenied(_("Behaviour from this client is switched off."))
    # An item speaks our own field names, whatever was typed into the form.
    source.columns, source.date_format = {}, ""
    return source


def _row(values: dict[str, Any]) -> dict[str, str]:
    amount = values.get("amount")
    attributes = values.get("attributes", {})
    return {
        "record_key": values.get("record_key") or values["client_reference"],
        "external_id": ";".join(values["external_ids"]),
        "business_type": values["business_type"],
        "at": values["at"].isoformat(),
        "amount": "" if amount is None else str(amount),
        "product": values.get("product", ""),
        **{f"{ATTRIBUTE}{name}": str(value) for name, value in attributes.items()},
    }


def _result(item: Item, outcome: Outcome) -> Result:
    result: Result = {"status": outcome.result}
    if outcome.result == "repeated":
        result["repeated"] = True
    if outcome.reason:
        field = "/business_type" if outcome.word else ""
        told = error(f"/items/{item.index}{field}", "set_aside", _(outcome.reason))
        result["errors"] = [told]
    return result
