"""Partners read what became of messages (E3, E4)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.viewsets import GenericViewSet

from backoffice.kit.rest import problems
from backoffice.platform.disclosure import PhoneOut, PhonesOnRecord
from backoffice.platform.models import ApiClient
from customers.api import CustomerOut

from .filters import STATUS_CHOICES, STATUSES, MessageFilters
from .models import Message

NAMES = {status.value: name for name, status in STATUSES.items()}


class StatusOut(serializers.ChoiceField):
    """A message's status by name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(STATUS_CHOICES, read_only=True, **kwargs)

    def to_representation(self, value: Any) -> str:
        return NAMES[value]


class MessageOut(serializers.ModelSerializer[Message]):
    """One SMS: what happened to it and why, when, to whom. Never its text."""

    status = StatusOut()
    phone = PhoneOut()
    customer = CustomerOut()
    type = serializers.CharField(
        source="template_version.template.message_type.code", read_only=True
    )

    class Meta:
        model = Message
        fields = (
            "id",
            "status",
            "failure",
            "type",
            "customer",
            "phone",
            "parts",
            "created_at",
            "sent_at",
            "settled_at",
            "replied_at",
        )
        read_only_fields = fields


@extend_schema_view(
    list=extend_schema(responses={200: MessageOut(many=True), **problems()}),
    retrieve=extend_schema(responses={200: MessageOut, **problems(404)}),
)
class MessageViews(
    PhonesOnRecord,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    GenericViewSet[Message],
):
    """Messages, newest first."""

    scope = ApiClient.Scope.READ.value
    serializer_class = MessageOut
    filterset_class = MessageFilters
    queryset = Message.objects.select_related(
        "customer", "template_version__template__message_type"
    ).defer("parameters", "customer__name", "customer__phone")
