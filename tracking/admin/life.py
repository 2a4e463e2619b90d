"""The life of an SMS on one page, and the box that finds it (E9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from backoffice.kit.admin import ReadOnlyAdmin
from customers.models import Customer
from messaging.admin.messages import READ_TEXT, life_link, text_of
from messaging.models import FailedNumber, Message
from tracking.life import find, life, life_of_customer
from tracking.links import short_url
from tracking.models import Click, TrackingRecord


@admin.register(TrackingRecord)
class TrackingRecordAdmin(ReadOnlyAdmin):
    list_display = (
        "life_of",
        "code",
        "state",
        "requested_by",
        "customer",
        "business_type",
        "parameters",
        "created_at",
    )
    list_filter = ("business_type", ("code", admin.EmptyFieldListFilter))
    list_select_related = ("message", "customer", "business_type", "parameters")
    list_display_links = None
    search_fields = ("=code",)
    search_help_text = gettext_lazy("By link code.")
    ordering = ("-message",)

    @admin.display(description=gettext_lazy("SMS id"), ordering="message")
    def life_of(self, row: TrackingRecord) -> str:
        return life_link(row.message_id)

    @admin.display(description=gettext_lazy("status"))
    def state(self, row: TrackingRecord) -> str:
        return row.message.state

    def get_urls(self) -> list[URLPattern]:
        search = self.admin_site.admin_view(require_POST(self.search_view))
        customer = self.admin_site.admin_view(self.customer_view)
        return [
            path("life/", search, name="life_search"),
            path("customer/<int:pk>/", customer, name="life_of_customer"),
            *super().get_urls(),
        ]

    def search_view(self, request: HttpRequest) -> HttpResponse:
        """By POST: a phone number never stands in an address."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = find(request.POST.get("q", ""))
        if len(found) == 1:
            return HttpResponseRedirect(_life_url(found[0]))
        if not found:
            messages.warning(
                request,
                _(
                    "No SMS found. Search by SMS id, phone number, response code, link "
                    "code, or a tracking parameter (value, or name=value)."
                ),
            )
        context = {
            **self.admin_site.each_context(request),
            "title": _("SMS found"),
            "opts": self.opts,
            "found": [(message, _life_url(message)) for message in found],
        }
        return TemplateResponse(request, "admin/tracking/life_list.html", context)

    def customer_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What a customer's newest messages went through."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        customer = get_object_or_404(Customer, pk=pk)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Messages of %s") % customer,
            "opts": self.opts,
            "recycled": FailedNumber.objects.flagged().filter(customer=customer)[:1],
            "lives": [
                (told, _life_url(told.message)) for told in life_of_customer(customer)
            ],
        }
        return TemplateResponse(
            request, "admin/tracking/life_of_customer.html", context
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Instead of a form: everything about the SMS, by time."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            message = get_object_or_404(Message, pk=UUID(object_id))
        except ValueError:
            raise Http404 from None
        told = life(message)
        may_read = request.user.has_perm(READ_TEXT)
        record = told.record
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "title": _("Life of an SMS"),
            "opts": self.opts,
            "life": told,
            "message": message,
            "record": record,
            "short_url": short_url(record.code) if record and record.code else "",
            "parameters": list(_flat(record.parameters.tree))
            if record and record.parameters
            else [],
            "may_read": may_read,
            "text": text_of(message) if may_read else "",
        }
        return TemplateResponse(request, "admin/tracking/life.html", context)


@admin.register(Click)
class ClickAdmin(ReadOnlyAdmin):
    """The user-behaviour log: who opened which link when (E6, E7)."""

    list_display = ("at", "sms", "code", "customer", "parameters", "network", "agent")
    list_select_related = ("customer", "parameters")
    search_fields = ("=code",)
    fields = list_display
    readonly_fields = ("sms",)

    @admin.display(description=gettext_lazy("SMS id"))
    def sms(self, row: Click) -> str:
        return life_link(row.message_id)


def _life_url(message: Message) -> str:
    return reverse("admin:tracking_trackingrecord_change", args=[message.pk])


def _flat(tree: list[dict[str, Any]], depth: int = 0) -> Iterator[tuple[int, str, str]]:
    """Nodes with their depth, parents before children, as the page sets them in (E7)."""
    for node in tree:
        yield depth, str(node["name"]), str(node["value"])
        yield from _flat(node.get("children", []), depth + 1)
