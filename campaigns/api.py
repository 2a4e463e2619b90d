"""Partners send notices (A1) and read notices, events and sign-ups."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from backoffice.kit.rest import PartnerView, PhoneField, Strict, problems
from backoffice.platform.batches import BatchMixin, Item, ItemIn, Result, ResultsOut
from backoffice.platform.disclosure import PhoneOut, PhonesOnRecord
from backoffice.platform.models import ApiClient
from customers.api import CustomerOut
from messaging.api import StatusOut

from .filters import EventFilters, NoticeFilters, SignUpFilters
from .models import MarketingEvent, Notice, Push, SignUp
from .notices import NoticeInfo, take_many

READ = ApiClient.Scope.READ.value
# What a notice can say; `source` alone says nothing.
INFORMATION = (
    "name",
    "phone",
    "amount",
    "due_on",
    "send_on",
    "text",
    "external_id",
)


class NoticeIn(ItemIn):
    """Target customer information: any one or more; what is missing is the customer's."""

    external_id = serializers.CharField(max_length=64, required=False)
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=40, required=False, help_text="Whose customer number it is."
    )
    name = serializers.CharField(max_length=80, required=False)
    phone = PhoneField(required=False)
    amount = serializers.DecimalField(
        max_digits=14, decimal_places=2, min_value=0, required=False
    )
    due_on = serializers.DateField(required=False)
    send_on = serializers.DateField(required=False)
    text = serializers.CharField(
        max_length=1000, required=False, help_text="Its keywords decide the type."
    )
    language = serializers.ChoiceField(settings.LANGUAGES, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not any(name in attrs for name in INFORMATION):
            wanted = ", ".join(INFORMATION)
            text = _("It says nothing: give one or more of %s.") % wanted
            raise serializers.ValidationError(text, code="empty")
        return attrs


class NoticesIn(Strict):
    items = NoticeIn(many=True)


class NoticeOut(serializers.ModelSerializer[Notice]):
    type = serializers.CharField(
        source="message_type.code", read_only=True, allow_null=True
    )
    phone = PhoneOut()
    customer = CustomerOut(allow_null=True)
    message_status = StatusOut(source="message.status", allow_null=True)

    class Meta:
        model = Notice
        fields = (
            "id",
            "client_reference",
            "status",
            "hold",
            "detail",
            "type",
            "customer",
            "phone",
            "amount",
            "due_on",
            "send_on",
            "language",
            "created_at",
            "message",
            "message_status",
        )
        read_only_fields = fields


@extend_schema_view(
    list=extend_schema(responses={200: NoticeOut(many=True), **problems()}),
    retrieve=extend_schema(responses={200: NoticeOut, **problems(404)}),
)
class NoticeViews(
    PhonesOnRecord,
    BatchMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    GenericViewSet[Notice],
):
    """The partner's own lifecycle notices, newest first."""

    scope = {"GET": READ, "POST": ApiClient.Scope.NOTICES.value}
    item = NoticeIn
    serializer_class = NoticeOut
    filterset_class = NoticeFilters
    queryset = (
        Notice.objects.select_related("customer", "message_type", "message")
        .defer("name", "text", "customer__name", "customer__phone")
        .defer("message__phone", "message__parameters")
    )

    def get_queryset(self) -> QuerySet[Notice]:
        return super().get_queryset().filter(client=ApiClient.of(self.request))

    @extend_schema(
        request=NoticesIn,
        responses={200: ResultsOut, 207: ResultsOut, **problems(413)},
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take lifecycle notices in; at most 1,000.

        Each is `scheduled`, `held` (`hold` says why: staff decide) or `invalid`; a
        repeated `client_reference` answers with the notice as it stands now.
        """
        return super().create(request, *args, **kwargs)

    def store(
        self, items: Sequence[Item], client: ApiClient, now: datetime
    ) -> dict[int, Result]:
        known = _before(items, client)
        infos = [NoticeInfo(**item.values) for item in items]
        taken = take_many(infos, origin=Notice.Origin.API, now=now, client=client)
        results: dict[int, Result] = {}
        for item, notice in zip(items, taken, strict=True):
            results[item.index] = _result(notice, repeated=item.reference in known)
            known |= {item.reference} - {""}
        return results


def _before(items: Sequence[Item], client: ApiClient) -> set[str]:
    """The references that the client has used before."""
    given = [item.reference for item in items if item.reference]
    rows = Notice.objects.filter(client=client, client_reference__in=given)
    return {str(name) for name in rows.values_list("client_reference", flat=True)}


def _result(notice: Notice, *, repeated: bool) -> Result:
    result: Result = {"status": str(notice.status), "id": str(notice.pk)}
    if notice.hold:
        told = f"{notice.get_hold_display()}: {notice.detail}".removesuffix(": ")
        result |= {"hold": str(notice.hold), "detail": told}
    return result | ({"repeated": True} if repeated else {})


class PushOut(serializers.ModelSerializer[Push]):
    """One run of an event and its counts; `excluded` by reason."""

    excluded = serializers.DictField(child=serializers.IntegerField(), read_only=True)

    class Meta:
        model = Push
        fields = (
            "id",
            "status",
            "as_of",
            "started_at",
            "finished_at",
            "initial_count",
            "target_count",
            "excluded",
        )
        read_only_fields = fields


class EventOut(serializers.ModelSerializer[MarketingEvent]):
    type = serializers.CharField(source="event_type.code", read_only=True)
    pushes = PushOut(many=True, read_only=True)

    class Meta:
        model = MarketingEvent
        fields = ("id", "name", "type", "requested_by", "created_at", "pushes")
        read_only_fields = fields


@extend_schema_view(
    list=extend_schema(responses={200: EventOut(many=True), **problems()})
)
class EventViews(mixins.ListModelMixin, PartnerView, GenericViewSet[MarketingEvent]):
    """Marketing events with their runs, newest first."""

    scope = READ
    serializer_class = EventOut
    filterset_class = EventFilters
    queryset = MarketingEvent.objects.select_related("event_type").prefetch_related(
        "pushes"
    )


class SignUpOut(serializers.ModelSerializer[SignUp]):
    """A participation, without the answers: they are the customer's."""

    activity = serializers.CharField(source="activity.slug", read_only=True)
    customer = CustomerOut()

    class Meta:
        model = SignUp
        fields = (
            "id",
            "activity",
            "customer",
            "status",
            "message",
            "created_at",
            "decided_at",
            "stopped_at",
        )
        read_only_fields = fields


@extend_schema_view(
    list=extend_schema(responses={200: SignUpOut(many=True), **problems()})
)
class SignUpViews(mixins.ListModelMixin, PartnerView, GenericViewSet[SignUp]):
    """Sign-ups to activities, newest first."""

    scope = READ
    serializer_class = SignUpOut
    filterset_class = SignUpFilters
    queryset = SignUp.objects.select_related("activity", "customer").defer(
        "answers", "customer__name", "customer__phone"
    )
