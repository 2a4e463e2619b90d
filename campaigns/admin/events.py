from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet, URLField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import HouseAdmin, confirm, confirmed
from backoffice.kit.words import listed
from campaigns.audiences import Estimate, estimate
from campaigns.explain import explain
from campaigns.models import (
    EventParameter,
    EventType,
    MarketingEvent,
    PushStandard,
    Recipient,
)
from campaigns.pushes import AlreadyRunning, start
from campaigns.readiness import NotReady, require_ready
from campaigns.samples import Sample, sample
from campaigns.standards import BadCriteria, in_words
from campaigns.tracking_text import write_tree
from customers.models import Customer
from messaging.models import ProviderAccount

from .event_forms import PREFIX, ParameterForm, StandardForm, event_form

MAY_START = "campaigns.start_event"


class EventParameterInline(admin.TabularInline):  # type: ignore[type-arg]
    model = EventParameter
    form = ParameterForm
    extra = 1
    fields = ("name", "label", "label_zh", "kind", "is_required", "choices", "position")


@admin.register(EventType)
class EventTypeAdmin(HouseAdmin):
    list_display = ("__str__", "code", "message_type", "types", "event_count")
    list_filter = ("business_types", "message_type")
    search_fields = ("code", "name", "name_zh")
    filter_horizontal = ("business_types",)
    inlines = (EventParameterInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[EventType]:
        rows: QuerySet[EventType] = super().get_queryset(request)
        counted = rows.annotate(events=Count("marketingevent"))
        return counted.prefetch_related("business_types")

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        field: Any = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "message_type" and field:
            field.queryset = field.queryset.filter(purpose="marketing")
        return field

    @admin.display(description=gettext_lazy("business types"))
    def types(self, row: EventType) -> str:
        return listed(row.business_types.all())

    @admin.display(description=gettext_lazy("events"), ordering="events")
    def event_count(self, row: Any) -> int:
        return int(row.events)


@admin.register(PushStandard)
class PushStandardAdmin(HouseAdmin):
    form = StandardForm
    list_display = ("name", "short_words")
    search_fields = ("name",)
    readonly_fields = ("words",)
    fields = ("name", "words", "criteria")

    @admin.display(description=gettext_lazy("in words"))
    def words(self, row: PushStandard) -> str:
        return in_words(row.criteria) if row.pk else "–"

    @admin.display(description=gettext_lazy("in words"))
    def short_words(self, row: PushStandard) -> str:
        return Truncator(in_words(row.criteria)).chars(140)


@admin.register(MarketingEvent)
class MarketingEventAdmin(HouseAdmin):
    list_display = ("name", "event_type", "requested_by", "standard", "last_push")
    list_filter = ("event_type", "requested_by")
    search_fields = ("name", "requested_by")
    filter_horizontal = ("labels",)
    formfield_overrides = {URLField: {"assume_scheme": "https"}}
    readonly_fields = ("parameter_words", "tracking_words")

    def get_queryset(self, request: HttpRequest) -> QuerySet[MarketingEvent]:
        rows: QuerySet[MarketingEvent] = super().get_queryset(request)
        return rows.select_related("event_type", "standard").prefetch_related("pushes")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "<int:event_id>/start/",
                view(self.start_view),
                name="campaigns_marketingevent_start",
            ),
            path(
                "<int:event_id>/explain/",
                view(self.explain_view),
                name="campaigns_marketingevent_explain",
            ),
            *super().get_urls(),
        ]

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        may_start = request.user.has_perm(MAY_START)
        return (*self.list_display, *(("start_link",) if may_start else ()))

    @admin.display(description=gettext_lazy("last push"))
    def last_push(self, row: MarketingEvent) -> str:
        pushes = list(row.pushes.all())
        if not pushes:
            return _("not started yet")
        url = reverse("admin:campaigns_push_change", args=[pushes[0].pk])
        return format_html(
            '<a href="{}">{}</a>, {}',
            url,
            pushes[0].get_status_display(),
            date_format(timezone.localtime(pushes[0].started_at), "DATETIME_FORMAT"),
        )

    @admin.display(description=gettext_lazy("start"))
    def start_link(self, row: MarketingEvent) -> str:
        url = reverse("admin:campaigns_marketingevent_start", args=[row.pk])
        return format_html('<a href="{}">{}</a>', url, _("Estimate and start"))

    # --- the form -----------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Choose the type first: the form is made of its parameters (C4)."""
        if self._chosen(request) is None:
            return self._choose_type(request)
        return super().add_view(request, form_url, extra_context)

    def _chosen(self, request: HttpRequest) -> EventType | None:
        given = request.GET.get("event_type", "")
        return EventType.objects.filter(pk=given).first() if given.isdecimal() else None

    def _choose_type(self, request: HttpRequest) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": _("What kind of event?"),
            "opts": self.opts,
            "types": EventType.objects.prefetch_related("parameters", "business_types"),
        }
        name = "admin/campaigns/marketingevent/choose_type.html"
        return TemplateResponse(request, name, context)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        event_type = obj.event_type if obj else self._chosen(request)
        parameters = [
            PREFIX + one.name
            for one in (event_type.parameters.all() if event_type else [])
        ]
        tracking = "tracking"
        if obj and not self.has_change_permission(request, obj):
            parameters, tracking = ["parameter_words"], "tracking_words"
        who = ("standard", "as_of", "labels", "holdout_percent")
        sms = ("template", "activity", "link_target", tracking, "per_minute")
        return [
            (None, {"fields": ("name", "requested_by")}),
            (str(event_type), {"fields": parameters}),
            (_("For whom"), {"fields": who}),
            (_("The SMS"), {"fields": sms}),
        ]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        event_type: Any = obj.event_type if obj else self._chosen(request)
        names = {field.name for field in self.opts.get_fields()}
        kwargs["fields"] = [
            name for name in kwargs.get("fields") or [] if name in names
        ]
        return super().get_form(
            request, obj, change=change, form=event_form(event_type), **kwargs
        )

    def save_model(
        self, request: HttpRequest, obj: MarketingEvent, form: Any, change: bool
    ) -> None:
        if not change:
            obj.created_by = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)

    @admin.display(description=gettext_lazy("parameters"))
    def parameter_words(self, row: MarketingEvent) -> str:
        return ", ".join(f"{name} = {value}" for name, value in row.parameters.items())

    @admin.display(description=gettext_lazy("tracking parameters"))
    def tracking_words(self, row: MarketingEvent) -> str:
        return write_tree(row.tracking)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        event = self.get_object(request, object_id)
        context = {
            "pushes": event.pushes.all() if event else [],
            "may_start": request.user.has_perm(MAY_START),
            **(extra_context or {}),
        }
        return super().change_view(request, object_id, form_url, context)

    # --- starting ---------------------------------------------------------------------

    def start_view(self, request: HttpRequest, event_id: int) -> HttpResponse:
        """What a start would do, with counts; a POST from there starts (C7)."""
        event = get_object_or_404(MarketingEvent, pk=event_id)
        if not request.user.has_perm(MAY_START):
            raise PermissionDenied
        now = timezone.now()
        try:
            if confirmed(request):
                return self._start(request, event, now)
            require_ready(event, now=now)
            return self._confirm_start(request, event, estimate(event, now=now))
        except (NotReady, AlreadyRunning, BadCriteria) as error:
            for problem in getattr(error, "problems", [str(error)]):
                messages.error(request, problem)
        return redirect("admin:campaigns_marketingevent_change", event.pk)

    def _start(
        self, request: HttpRequest, event: MarketingEvent, now: Any
    ) -> HttpResponse:
        seen = request.POST.get("runs", "")
        push = start(
            event,
            by=request.user,
            now=now,
            runs_before=int(seen) if seen.isdecimal() else None,
        )
        messages.success(
            request,
            _("Started: %(target)d of %(initial)d customers get the SMS.")
            % {"target": push.target_count, "initial": push.initial_count},
        )
        return redirect("admin:campaigns_push_change", push.pk)

    def _confirm_start(
        self, request: HttpRequest, event: MarketingEvent, found: Estimate
    ) -> HttpResponse:
        shown = sample(event)
        return confirm(
            self,
            request,
            title=_("Start “%s”?") % event,
            facts=_facts(found, shown),
            sample=shown.text if shown else "",
            button=_("Start now"),
            fields={"runs": str(event.pushes.count())},
            warning=_warning(found),
        )

    # --- explaining -------------------------------------------------------------------

    def explain_view(self, request: HttpRequest, event_id: int) -> HttpResponse:
        """Why a customer was or was not contacted (X2)."""
        event = get_object_or_404(MarketingEvent, pk=event_id)
        if not self.has_view_permission(request, event):
            raise PermissionDenied
        number = request.POST.get("customer", "").strip()
        customers = Customer.objects.filter(external_id=number)[:10] if number else []
        facts: list[tuple[str, object]] = [
            (str(customer), sentence)
            for customer in customers
            for sentence in explain(customer, event, timezone.now()).sentences
        ]
        if not facts:
            messages.error(request, _("There is no customer with this number."))
            return redirect("admin:campaigns_marketingevent_change", event.pk)
        title = _("Why, or why not: %s") % event
        return confirm(self, request, title=title, facts=facts, button="")


def _facts(found: Estimate, shown: Sample | None) -> list[tuple[str, object]]:
    """The rows of the confirmation page: from the initial to the target group."""
    left_out = [
        (f"– {Recipient.Reason(reason).label}", count)
        for reason, count in found.excluded.items()
    ]
    return [
        (_("Business types"), listed(found.business_types)),
        (_("Push standard"), found.standard or "–"),
        (_("Initial group"), found.initial),
        *left_out,
        (f"– {Recipient.Outcome.HOLDOUT.label}", found.holdout),
        (_("Target group"), found.target),
        *(_size(shown, found.target) if shown else ()),
    ]


def _size(shown: Sample, target: int) -> list[tuple[str, object]]:
    """What the SMS come to in parts, and in money where the account has a price."""
    parts = shown.parts * target
    size: list[tuple[str, object]] = [
        (_("Parts of one SMS"), shown.parts),
        (_("Parts of the longest SMS"), shown.at_most),
        (_("Parts in all, about"), parts),
    ]
    if shown.price is not None:
        size.append((_("Price, about"), round(shown.price * parts, 2)))
    return size


def _warning(found: Estimate) -> str:
    if not found.target:
        return _("Nobody would get this SMS.")
    if not ProviderAccount.objects.for_sms().exists():
        return _("No SMS provider account is enabled: the messages would wait for one.")
    return ""
