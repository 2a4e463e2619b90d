"""Batches of the partner API: every item on its own, a result for each, repeats harmless."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from backoffice.kit.clock import database_now
from backoffice.kit.problems import BadQuery, TooLarge, error, pointed
from backoffice.kit.rest import ErrorOut, PartnerView, Strict

from .models import ApiClient, ReceivedItem

MOST_ITEMS = 1_000
# Results that leave something for the partner to do.
NOT_TAKEN = ("invalid", "set_aside")

Result = dict[str, Any]


class ItemIn(Strict):
    """What every item may have: the partner's own name for it."""

    client_reference = serializers.CharField(
        max_length=80,
        required=False,
        help_text="Your name for this item: sent again, it changes nothing.",
    )


class ResultOut(serializers.Serializer[Any]):
    """What became of the item at `index` of the request."""

    index = serializers.IntegerField()
    status = serializers.CharField(
        help_text="`invalid`, or what became of it; new words may be added."
    )
    id = serializers.CharField(required=False)
    repeated = serializers.BooleanField(
        required=False, help_text="It had been sent before and is as it was."
    )
    hold = serializers.CharField(required=False, help_text="Why it is held.")
    detail = serializers.CharField(required=False)
    errors = ErrorOut(many=True, required=False)  # type: ignore[assignment]


class ResultsOut(serializers.Serializer[Any]):
    """A result for each item, in order: 200 where all were taken, 207 where not."""

    results = ResultOut(many=True)


@dataclass(frozen=True, slots=True)
class Item:
    """An item that can be read: its place in the request and its values."""

    index: int
    values: dict[str, Any]

    @property
    def reference(self) -> str:
        return str(self.values.get("client_reference") or "")

    def invalid(self, field: str, code: str, detail: str) -> Result:
        """The result of an item that cannot be taken, for want of what `field` says."""
        pointer = f"/items/{self.index}" + (f"/{field}" if field else "")
        return {"status": "invalid", "errors": [error(pointer, code, detail)]}


class BatchMixin(PartnerView):
    """`create` for `{"items": [...]}`; a subclass says how good items are stored.

    `item` is the serializer of one item; it must not touch the database. `remembers`
    is the kind under which references of stored items are kept, so that a repeat changes
    nothing; "" where the rows keep them themselves.
    """

    item: ClassVar[type[ItemIn]]
    remembers: ClassVar[str] = ""

    def store(
        self, items: Sequence[Item], client: ApiClient, now: datetime
    ) -> dict[int, Result]:
        """Store items, set-based; results by index. Called inside a transaction."""
        raise NotImplementedError

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = items_of(request)
        good, found = self._read(given)
        with transaction.atomic():
            found |= self._store(good, ApiClient.of(request), database_now())
        answer = [{"index": index, **found[index]} for index in range(len(given))]
        whole = all(result["status"] not in NOT_TAKEN for result in answer)
        return Response({"results": answer}, status=200 if whole else 207)

    def _read(self, given: list[Any]) -> tuple[list[Item], dict[int, Result]]:
        """The good items, and results for the others."""
        reader = self.item()
        good, bad = [], {}
        for index, raw in enumerate(given):
            try:
                good.append(Item(index, reader.run_validation(raw)))
            except ValidationError as wrong:
                errors = list(pointed(wrong.detail, f"/items/{index}"))
                bad[index] = {"status": "invalid", "errors": errors}
        return good, bad

    def _store(
        self, items: list[Item], client: ApiClient, now: datetime
    ) -> dict[int, Result]:
        if not items or not self.remembers:
            return self.store(items, client, now) if items else {}
        kept = ReceivedItem.objects.filter(client=client, kind=self.remembers)
        known = kept.results_of([item.reference for item in items if item.reference])
        fresh, found = sift(items, known)
        stored = self.store(fresh, client, now) if fresh else {}
        ReceivedItem.keep(
            client,
            self.remembers,
            {item.reference: stored[item.index].get("id") for item in fresh},
            now=now,
        )
        return found | stored


def sift(
    items: Iterable[Item], known: dict[str, str]
) -> tuple[list[Item], dict[int, Result]]:
    """The items that are new, and results for those sent before (or twice in this batch)."""
    fresh, found, here = [], {}, set[str]()
    for item in items:
        if item.reference in known:
            result = {"status": "repeated", "id": known[item.reference]}
            found[item.index] = result | {"repeated": True}
        elif item.reference in here:
            text = _("Another item of this batch has the same reference.")
            found[item.index] = item.invalid("client_reference", "duplicate", text)
        else:
            fresh.append(item)
            here |= {item.reference} - {""}
    return fresh, found


def items_of(request: Request) -> list[Any]:
    """The items of a request. Raises what is wrong with the request as a whole."""
    if request.query_params:
        raise BadQuery(
            {
                name: [ErrorDetail(_("There is no such parameter."), code="unknown")]
                for name in request.query_params
            }
        )
    if (
        int(request.META.get("CONTENT_LENGTH") or 0)
        > settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    ):
        raise TooLarge
    try:
        body = request.data
    except RecursionError:
        raise ParseError(_("The body is nested too deeply.")) from None
    items = Envelope().run_validation(body)["items"]
    if len(items) > MOST_ITEMS:
        raise TooLarge(_("At most %d items in one request.") % MOST_ITEMS)
    return list(items)


class AnyItem(serializers.Field[Any, Any, Any, Any]):
    """Looked at later, one by one: a bad item never blocks the good ones."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return data


class Envelope(Strict):
    items = serializers.ListField(child=AnyItem(), allow_empty=False)
