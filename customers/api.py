"""Partners send customers and credit facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from backoffice.kit.rest import (
    AttributesField,
    PastField,
    PhoneField,
    Strict,
    TimeZoneField,
    problems,
)
from backoffice.platform.batches import BatchMixin, Item, ItemIn, Result, ResultsOut
from backoffice.platform.models import ApiClient

from .conditions import CREDIT_FACTS
from .consents import Answer, store_answers
from .credit import KnownFacts, KnownLine, store_facts, store_lines
from .models import CreditFacts, CreditLine, Customer
from .storing import KnownCustomer, store_customers

MOST_LINES = 50


class ConsentIn(Strict):
    """A yes or no to marketing messages, with where and when it was said."""

    marketing = serializers.BooleanField()
    source = serializers.CharField(max_length=60)  # type: ignore[assignment]
    at = PastField()


class CustomerIn(ItemIn):
    external_id = serializers.CharField(max_length=64)
    phone = PhoneField()
    name = serializers.CharField(max_length=80, required=False)
    language = serializers.ChoiceField(settings.LANGUAGES, required=False)
    time_zone = TimeZoneField(max_length=40, required=False)
    consent = ConsentIn(required=False)
    attributes = AttributesField(required=False)


class CustomerOut(serializers.ModelSerializer[Customer]):
    """Who, by the number that a source gave them."""

    class Meta:
        model = Customer
        fields = ("source", "external_id")
        read_only_fields = fields


class CustomersIn(Strict):
    items = CustomerIn(many=True)


class CustomerViews(BatchMixin, GenericViewSet[Any]):
    """Customers of the partner's own numbers: its name is their source."""

    scope = ApiClient.Scope.CUSTOMERS.value
    item = CustomerIn
    remembers = "customers"

    @extend_schema(
        request=CustomersIn,
        responses={200: ResultsOut, 207: ResultsOut, **problems(413)},
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Add customers, or change those known by `external_id`; at most 1,000.

        What an item leaves out stays as it is. Each is `created`, `updated`, `repeated`
        or `invalid`.
        """
        return super().create(request, *args, **kwargs)

    def store(
        self, items: Sequence[Item], client: ApiClient, now: datetime
    ) -> dict[int, Result]:
        results: dict[int, Result] = {}
        first: dict[str, Item] = {}
        for item in items:
            if first.setdefault(item.values["external_id"], item) is not item:
                text = _("Another item of this batch has the same number.")
                results[item.index] = item.invalid("external_id", "duplicate", text)
        before = Customer.objects.ids_by_number(client.slug, first)
        known = [_customer(item.values) for item in first.values()]
        ids = store_customers(known, source=client.slug, now=now).ids
        said = [(ids[number], item.values) for number, item in first.items()]
        store_answers(list(_answers(said)), now=now)
        for number, item in first.items():
            status = "updated" if number in before else "created"
            results[item.index] = {"status": status, "id": str(ids[number])}
        return results


def _customer(values: dict[str, Any]) -> KnownCustomer:
    names = ("external_id", "phone", "name", "language", "time_zone", "attributes")
    return KnownCustomer(**{name: values[name] for name in names if name in values})


def _answers(said: Iterable[tuple[int, dict[str, Any]]]) -> Iterable[Answer]:
    for customer_id, values in said:
        if consent := values.get("consent"):
            is_yes, source = consent["marketing"], consent["source"]
            yield Answer(customer_id, is_yes, source, consent["at"])


class FactsIn(Strict):
    """The facts that are known; one left out stays as it is."""

    blacklisted = serializers.BooleanField(required=False)
    controlled = serializers.BooleanField(required=False)
    diverted = serializers.BooleanField(required=False)
    limit_closed = serializers.BooleanField(required=False)
    temporarily_worse = serializers.BooleanField(required=False)
    in_funder_blackout = serializers.BooleanField(required=False)
    in_maintenance = serializers.BooleanField(required=False)
    data_incomplete = serializers.BooleanField(required=False)


class LineIn(Strict):
    """A credit line as it is now, whole."""

    reference = serializers.CharField(max_length=64)
    kind = serializers.ChoiceField(CreditLine.Kind.choices)
    product = serializers.CharField(max_length=60, required=False, allow_blank=True)
    amount = serializers.DecimalField(
        max_digits=14, decimal_places=2, min_value=0, required=False, allow_null=True
    )
    is_open = serializers.BooleanField(required=False, default=True)


class CreditIn(ItemIn):
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=40,
        required=False,
        help_text="Whose customer number it is; without it, yours.",
    )
    external_id = serializers.CharField(max_length=64)
    as_of = PastField()
    facts = FactsIn(required=False)
    lines = LineIn(many=True, required=False, max_length=MOST_LINES)  # type: ignore[call-arg]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("facts") and not attrs.get("lines"):
            text = _("There is nothing to store: give facts or lines.")
            raise serializers.ValidationError(text, code="empty")
        return attrs


class CreditItemsIn(Strict):
    items = CreditIn(many=True)


class CreditViews(BatchMixin, GenericViewSet[Any]):
    """Credit facts and lines of customers that are known."""

    scope = ApiClient.Scope.CUSTOMERS.value
    item = CreditIn
    remembers = "credit-facts"

    @extend_schema(
        request=CreditItemsIn,
        responses={200: ResultsOut, 207: ResultsOut, **problems(413)},
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Store what is known of customers' credit; at most 1,000.

        Each is `stored`, `outdated` (newer facts stand: nothing is changed), `repeated` or
        `invalid`. `id` is the customer's.
        """
        return super().create(request, *args, **kwargs)

    def store(
        self, items: Sequence[Item], client: ApiClient, now: datetime
    ) -> dict[int, Result]:
        customers = _named(items, client)
        newest = _as_of(customers.values())
        results: dict[int, Result] = {}
        current: list[tuple[int, dict[str, Any]]] = []
        for item in sorted(items, key=lambda item: item.values["as_of"]):
            customer = customers.get(_name(item, client))
            if customer is None:
                text = _("No customer of this source has the number: send it first.")
                results[item.index] = item.invalid("external_id", "unknown", text)
            elif customer in newest and item.values["as_of"] < newest[customer]:
                results[item.index] = {"status": "outdated", "id": str(customer)}
            else:
                current.append((customer, item.values))
                results[item.index] = {"status": "stored", "id": str(customer)}
        store_facts(list(_facts(current)), source=client.slug)
        store_lines(list(_lines(current)))
        return results


def _name(item: Item, client: ApiClient) -> tuple[str, str]:
    return item.values.get("source", client.slug), item.values["external_id"]


def _named(items: Sequence[Item], client: ApiClient) -> dict[tuple[str, str], int]:
    """(source, customer number) -> id, of those that items name and that are known."""
    names = {_name(item, client) for item in items}
    known = Customer.objects.filter(
        source__in={source for source, _number in names},
        external_id__in={number for _source, number in names},
    )
    rows = known.values_list("source", "external_id", "pk")
    return {(source, number): pk for source, number, pk in rows}


def _as_of(customers: Iterable[int]) -> dict[int, datetime]:
    standing = CreditFacts.objects.filter(customer__in=list(customers))
    return dict(standing.values_list("customer_id", "as_of"))


def _facts(current: Sequence[tuple[int, dict[str, Any]]]) -> Iterable[KnownFacts]:
    for customer, values in current:
        if facts := values.get("facts"):
            known = {name: facts[name] for name in CREDIT_FACTS if name in facts}
            yield KnownFacts(customer, known, values["as_of"])


def _lines(current: Sequence[tuple[int, dict[str, Any]]]) -> Iterable[KnownLine]:
    for customer, values in current:
        for line in values.get("lines", ()):
            yield KnownLine(customer, **line)
