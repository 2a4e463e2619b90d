from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from backoffice.kit.admin import LanguageFilter, confirm, confirmed
from backoffice.kit.masking import mask_name
from backoffice.platform.reveal import PERMISSION, RevealMixin
from campaigns.models import Notice
from campaigns.notice_decision import (
    Decision,
    NoticeInfo,
    Shelf,
    decide,
    info_of,
    values_of,
)
from campaigns.notices import cancel, release, send, take
from messaging.admin.messages import READ_TEXT, life_link
from messaging.admin.selection import ActedOnAdmin, again, chosen
from messaging.models import TemplateVersion
from messaging.preview import Preview, preview

from .notice_forms import InfoFields, NoticeForm, ReleaseForm
from .notice_words import hit_words, hold_words


@dataclass(frozen=True, slots=True)
class Shown:
    """The filled text as one member of staff may see it; parts are of the real text."""

    text: str
    counted: Preview


@admin.register(Notice)
class NoticeAdmin(RevealMixin, ActedOnAdmin):
    change_form_template = "admin/campaigns/notice/change_form.html"
    list_display = (
        "__str__",
        "masked_name",
        "masked_phone",
        "message_type",
        "status",
        "held_because",
        "send_on",
        "sms",
    )
    list_filter = (
        "status",
        "hold",
        "message_type",
        "origin",
        "send_on",
        LanguageFilter,
    )
    list_select_related = ("message_type",)
    search_fields = ("=client_reference",)
    search_help_text = gettext_lazy("By the partner's reference, written in full.")
    actions = ("set_type_and_release", "send_now", "cancel_notices")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("campaigns.add_notice")

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is None:
            kwargs["form"] = NoticeForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return tuple(InfoFields.base_fields)
        return (
            "masked_name",
            "masked_phone",
            "customer",
            "amount",
            "due_on",
            "send_on",
            "language",
            "status",
            "sms",
            "origin",
            "batch",
            "client",
            "client_reference",
            "created_at",
            "created_by",
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj) if obj else ()

    @admin.display(description=pgettext_lazy("of a person", "name"))
    def masked_name(self, row: Notice) -> str:
        return row.masked_name

    @admin.display(description=gettext_lazy("mobile number"))
    def masked_phone(self, row: Notice) -> str:
        return row.masked_phone

    @admin.display(description=gettext_lazy("held because"), ordering="hold")
    def held_because(self, row: Notice) -> str:
        if not row.hold:
            return "–"
        return hold_words(row.hold, row.detail)

    @admin.display(description=gettext_lazy("SMS id"))
    def sms(self, row: Notice) -> str:
        return life_link(row.message_id)

    def save_model(
        self, request: HttpRequest, obj: Notice, form: Any, change: bool
    ) -> None:
        taken = take(
            form.info(),
            origin=Notice.Origin.FORM,
            now=timezone.now(),
            by=request.user,
        )
        obj.__dict__.update(taken.__dict__)

    def response_add(
        self, request: HttpRequest, obj: Notice, post_url_continue: str | None = None
    ) -> HttpResponse:
        """To the notice itself: its type, text and what holds it (A2)."""
        if obj.status == Notice.Status.HELD:
            text = _("The notice is held: %s.") % obj.get_hold_display()
            messages.warning(request, text)
        else:
            text = _("The notice goes out on %s.") % obj.send_on
            messages.success(request, text)
        if "_addanother" in request.POST:
            return HttpResponseRedirect(request.path)
        return HttpResponseRedirect(
            reverse("admin:campaigns_notice_change", args=[obj.pk])
        )

    def render_change_form(  # noqa: PLR0913  Django's signature
        self,
        request: HttpRequest,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        if obj:
            context["shown"] = shown_text(obj, request.user)
            context["held_because"] = hold_words(obj.hold, obj.detail)
            context["hits"] = hit_words(obj.keywords)
        return super().render_change_form(
            request, context, add=add, change=change, form_url=form_url, obj=obj
        )

    @admin.action(
        description=gettext_lazy("Set type and release"), permissions=["change"]
    )
    def set_type_and_release(
        self, request: HttpRequest, rows: QuerySet[Notice]
    ) -> HttpResponse | None:
        rows = chosen(request, rows)
        held = rows.filter(status=Notice.Status.HELD)
        form = ReleaseForm(request.POST if confirmed(request) else None)
        if not form.is_valid():
            return confirm(
                self,
                request,
                title=_("Set type and release"),
                facts=[(_("Notices held"), held.count()), *_by_hold(held)],
                button=_("Release"),
                fields=again("set_type_and_release", rows),
                form=form,
            )
        done = release(held, **form.cleaned_data, by=request.user, now=timezone.now())
        text = _("%(scheduled)d notices are released, %(held)d are still held.")
        messages.success(request, text % done)
        return None

    @admin.action(description=gettext_lazy("Send now"), permissions=["change"])
    def send_now(
        self, request: HttpRequest, rows: QuerySet[Notice]
    ) -> HttpResponse | None:
        rows = chosen(request, rows)
        if confirmed(request):
            done = send(rows, timezone.now())
            text = _("%(sent)d notices are handed over, %(held)d are held.")
            messages.success(request, text % done)
            return None
        ready = rows.filter(status=Notice.Status.SCHEDULED)
        count, left = ready.count(), rows.count() - ready.count()
        first = ready.first()
        shown = shown_text(first, request.user) if first else None
        return confirm(
            self,
            request,
            title=_("Send now"),
            facts=[(_("SMS to send"), count), (_("Not scheduled: left"), left)],
            button=_("Send %d SMS") % count if count else "",
            sample=shown.text if shown else "",
            fields=again("send_now", rows),
        )

    @admin.action(description=gettext_lazy("Cancel"), permissions=["change"])
    def cancel_notices(
        self, request: HttpRequest, rows: QuerySet[Notice]
    ) -> HttpResponse | None:
        rows = chosen(request, rows)
        if confirmed(request):
            count = cancel(rows, by=request.user)
            messages.success(request, _("%d notices are cancelled.") % count)
            return None
        return confirm(
            self,
            request,
            title=_("Cancel notices"),
            facts=[(_("Notices"), rows.count())],
            button=_("Cancel them"),
            fields=again("cancel_notices", rows),
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.try_view)
        return [path("try/", view, name="campaigns_notice_try"), *super().get_urls()]

    def try_view(self, request: HttpRequest) -> HttpResponse:
        """The bench: what would become of a text? Nothing is stored (A2)."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = InfoFields(request.POST or None)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Try a text"),
            "opts": self.opts,
            "form": form,
            "media": self.media,
        }
        if form.is_valid():
            decision = decide(
                form.info(), None, Shelf.read(), today=timezone.localdate()
            )
            context |= {
                "decision": decision,
                "hold": _hold_label(decision),
                "hits": hit_words(decision.found.hits),
            }
            if decision.version:
                filled = _fill(decision.version, decision.info, decision.values)
                context["preview"] = filled
        return TemplateResponse(request, "admin/campaigns/notice/try.html", context)


def shown_text(notice: Notice, user: Any) -> Shown | None:
    """The filled template; the name is masked for those who may not read it."""
    if notice.template_version is None:
        return None
    info = info_of(notice)
    values = values_of(info, notice.customer)
    counted = _fill(notice.template_version, info, values)
    if user.has_perm(READ_TEXT) or user.has_perm(PERMISSION):
        return Shown(counted.text, counted)
    masked = {**values, "name": mask_name(values.get("name", ""))}
    return Shown(_fill(notice.template_version, info, masked).text, counted)


def _fill(
    version: TemplateVersion, info: NoticeInfo, values: dict[str, str]
) -> Preview:
    """Gaps are shown by their field's name, never by a sample."""
    gaps = {name: f"[{name}]" for name in version.fields if not values.get(name)}
    return preview(
        version.text,
        language=info.language,
        footer=version.footer,
        values={**values, **gaps},
    )


def _by_hold(rows: QuerySet[Notice]) -> list[tuple[str, object]]:
    counted = rows.order_by("hold").values_list("hold").annotate(count=Count("pk"))
    return [(str(Notice.Hold(hold).label), count) for hold, count in counted if hold]


def _hold_label(decision: Decision) -> str:
    return hold_words(decision.hold, decision.detail) if decision.hold else ""
