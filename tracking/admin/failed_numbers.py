"""The failed-number list of A6. It stands here because a retry needs a tracking record."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from backoffice.kit.admin import confirm, confirmed
from backoffice.kit.csvfile import write_rows
from backoffice.platform.models import AuditEntry
from backoffice.platform.reveal import PERMISSION, ReasonForm, RevealMixin
from messaging.admin.messages import life_link
from messaging.admin.selection import ActedOnAdmin, again, chosen
from messaging.failures import LEFT, allow, correct, counted, suppress
from messaging.models import FailedNumber
from tracking.retries import retry

from .failed_filters import (
    AccountFilter,
    FailureFilter,
    FlaggedFilter,
    KindFilter,
    OriginFilter,
    TemplateFilter,
    origin_words,
)
from .failed_forms import OverForm, PhoneForm

COLUMNS = (
    "phone", "customer", "reason", "time", "state", "SMS id",
    "provider account", "template", "ordered by", "new owner",
)  # fmt: skip


@admin.register(FailedNumber)
class FailedNumberAdmin(RevealMixin, ActedOnAdmin):
    revealed = ("phone",)
    list_display = (
        "at",
        "masked_phone",
        "customer",
        "failure",
        "state_line",
        "fix",
    )
    list_filter = (
        "state",
        KindFilter,
        FailureFilter,
        AccountFilter,
        TemplateFilter,
        OriginFilter,
        "at",
        FlaggedFilter,
    )
    list_select_related = ("customer", "template", "account")
    fields = (
        "at",
        "masked_phone",
        "failure",
        "state",
        "recycled",
        "customer",
        "template",
        "account",
        "ordered_by",
        "sms",
        "fix",
    )
    readonly_fields = fields
    actions = ("send_again", "suppress_numbers", "allow_numbers", "export")

    @admin.display(description=gettext_lazy("phone"))
    def masked_phone(self, row: FailedNumber) -> str:
        return row.masked_phone

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_line(self, row: FailedNumber) -> str:
        """With what may have become of the number, where somebody should look into it."""
        flagged = row.recycled not in ("", FailedNumber.Recycled.SAME)
        more = f" ({row.get_recycled_display()})" if flagged else ""
        return f"{row.get_state_display()}{more}"

    @admin.display(description=gettext_lazy("ordered by"))
    def ordered_by(self, row: FailedNumber) -> str:
        return origin_words(row.origin) or "–"

    @admin.display(description=gettext_lazy("SMS id"))
    def sms(self, row: FailedNumber) -> str:
        return life_link(row.message_id)

    @admin.display(description=pgettext_lazy("of a phone", "number"))
    def fix(self, row: FailedNumber) -> str:
        url = reverse("admin:messaging_failednumber_correct", args=[row.pk])
        return format_html('<a href="{}">{}</a>', url, _("Correct"))

    @admin.action(
        description=gettext_lazy("Send again to the chosen numbers"),
        permissions=["change"],
    )
    def send_again(
        self, request: HttpRequest, rows: QuerySet[FailedNumber]
    ) -> HttpResponse | None:
        """How many, and why not the others, before anything is sent."""
        rows, now = chosen(request, rows), timezone.now()
        counts = counted(rows, now=now)
        form = OverForm(rows, now, request.POST if confirmed(request) else None)
        if not form.is_valid():
            facts: list[tuple[str, object]] = [
                (_("Chosen"), counts.total()),
                (_("SMS to send"), counts[""]),
                *((_("Left: %s") % LEFT[why], n) for why, n in counts.items() if why),
            ]
            return confirm(
                self,
                request,
                title=_("Send again"),
                facts=facts,
                button=_("Send again"),
                form=form,
                fields=again("send_again", rows),
            )
        over = form.cleaned_data["account"]
        done = retry(rows, by=request.user, now=now, account=over)
        text = _("%(sent)d SMS are sent again, %(left)d numbers were left.")
        messages.success(request, text % {"sent": done.sent, "left": done.left})
        return None

    @admin.action(
        description=gettext_lazy("Suppress the chosen numbers"), permissions=["change"]
    )
    def suppress_numbers(
        self, request: HttpRequest, rows: QuerySet[FailedNumber]
    ) -> HttpResponse | None:
        rows = chosen(request, rows)
        if confirmed(request):
            count = suppress(rows, by=request.user, now=timezone.now())
            messages.success(request, _("%d numbers are suppressed.") % count)
            return None
        return confirm(
            self,
            request,
            title=_("Suppress numbers"),
            facts=[(_("Numbers"), rows.count())],
            button=_("Suppress"),
            fields=again("suppress_numbers", rows),
            warning=_("They get no SMS of any kind any more."),
        )

    @admin.action(
        description=gettext_lazy("Allow the chosen numbers again"),
        permissions=["change"],
    )
    def allow_numbers(
        self, request: HttpRequest, rows: QuerySet[FailedNumber]
    ) -> HttpResponse | None:
        rows = chosen(request, rows)
        form = ReasonForm(request.POST if confirmed(request) else None)
        if not form.is_valid():
            return confirm(
                self,
                request,
                title=_("Allow numbers again"),
                facts=[(_("Numbers"), rows.count())],
                button=_("Allow"),
                fields=again("allow_numbers", rows),
                form=form,
                warning=_(
                    "They were found not to exist, or to block us. Only who knows that the "
                    "number is right, and whose it is, allows it again."
                ),
            )
        reason = form.cleaned_data["reason"]
        count = allow(rows, by=request.user, reason=reason)
        messages.success(request, _("%d numbers are allowed again.") % count)
        return None

    @admin.action(
        description=gettext_lazy("Export the chosen numbers"), permissions=["view"]
    )
    def export(
        self, request: HttpRequest, rows: QuerySet[FailedNumber]
    ) -> HttpResponseBase:
        """As CSV; who, why and how many are on record, numbers masked unless permitted."""
        rows = chosen(request, rows).select_related("customer", "account", "template")
        form = ReasonForm(request.POST if confirmed(request) else None)
        full = request.user.has_perm(PERMISSION)
        if not form.is_valid():
            shown = _("in full") if full else _("masked")
            return confirm(
                self,
                request,
                title=_("Export failed numbers"),
                facts=[(_("Rows"), rows.count()), (_("Phone numbers"), shown)],
                button=_("Export"),
                fields=again("export", rows),
                form=form,
            )
        AuditEntry.write(
            request.user,
            "failed numbers exported",
            reason=form.cleaned_data["reason"],
            count=rows.count(),
            full=full,
        )
        lines = write_rows(COLUMNS, (_cells(row, full=full) for row in rows.iterator()))
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="failed-numbers.csv"'
        return response

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.correct_view)
        name = "messaging_failednumber_correct"
        return [path("<int:object_id>/correct/", view, name=name), *super().get_urls()]

    def correct_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        failed = get_object_or_404(FailedNumber, pk=object_id)
        if not self.has_change_permission(request):
            raise PermissionDenied
        form = PhoneForm(request.POST if confirmed(request) else None)
        if not form.is_valid():
            return confirm(
                self,
                request,
                title=_("Correct the number"),
                facts=[
                    (_("Phone number"), failed.masked_phone),
                    (_("Customer"), failed.customer or "-"),
                    (_("Reason"), failed.get_failure_display()),
                ],
                button=_("Save the number"),
                form=form,
            )
        both = correct(failed, form.cleaned_data["phone"], by=request.user)
        messages.success(
            request,
            _("The number is corrected, for the customer too.")
            if both
            else _("The number is corrected. The customer's own was left as it is."),
        )
        return HttpResponseRedirect(reverse("admin:messaging_failednumber_changelist"))


def _cells(row: FailedNumber, *, full: bool) -> tuple[Any, ...]:
    # A full number begins with "+": escaped, it stays text in a spreadsheet.
    return (
        row.phone if full else row.masked_phone,
        row.customer or "",
        row.get_failure_display(),
        timezone.localtime(row.at).strftime("%Y-%m-%d %H:%M"),
        row.get_state_display(),
        row.message_id,
        row.account or "",
        row.template or "",
        origin_words(row.origin),
        row.get_recycled_display(),
    )
