"""Screening runs with what came of them, and the button that begins one (B2, B4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import ReadOnlyAdmin, confirm, confirmed
from backoffice.kit.clock import database_now
from backoffice.kit.jobs import later
from backoffice.kit.words import listed
from backoffice.platform.models import AuditEntry
from customers.models import CreditSource, Customer, Rule, ScreeningRun
from customers.screening import begin

# A run that has not ended by then was lost with its worker.
LOST_AFTER = timedelta(hours=2)


class ScopeForm(forms.Form):
    scope = forms.ChoiceField(
        label=gettext_lazy("Whom"), choices=ScreeningRun.Scope.choices
    )


@admin.register(ScreeningRun)
class ScreeningRunAdmin(ReadOnlyAdmin):
    list_display = (
        "started_at",
        "scope",
        "started_by",
        "finished_at",
        "screened_count",
        "changed_count",
        "marked_count",
        "problem",
    )
    list_filter = ("scope",)
    list_select_related = ("started_by",)
    fields = (*list_display[:-1], "by_rule", "problem", "changes")
    readonly_fields = ("by_rule", "problem", "changes")
    change_list_template = "admin/customers/screeningrun/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.screen_view)
        own = path("screen/", view, name="customers_screeningrun_screen")
        return [own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        may = {"may_screen": self.may_screen(request)}
        return super().changelist_view(request, {**may, **(extra_context or {})})

    def may_screen(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("customers.add_screeningrun"))

    @admin.display(description=gettext_lazy("problem"))
    def problem(self, run: ScreeningRun) -> str:
        return str(run.result.get("problem", "")) or "–"

    @admin.display(description=gettext_lazy("by rule"))
    def by_rule(self, run: ScreeningRun) -> str:
        counts = {code: n for code, n in run.result.items() if code != "problem"}
        words = {rule.code: str(rule) for rule in Rule.objects.all()}
        rows = ((count, words.get(code, code)) for code, count in counts.items())
        return format_html_join("", "<div><b>{}</b> {}</div>", rows) or "-"

    @admin.display(description=gettext_lazy("label changes"))
    def changes(self, run: ScreeningRun) -> str:
        url = reverse("admin:customers_labelchange_changelist")
        text = _("Show the changes")
        return format_html('<a href="{}?run__id__exact={}">{}</a>', url, run.pk, text)

    def screen_view(self, request: HttpRequest) -> HttpResponse:
        if not self.may_screen(request):
            raise PermissionDenied
        form = ScopeForm(request.POST if confirmed(request) else None)
        if form.is_valid():
            return self._begin(request, form.cleaned_data["scope"])
        sources = CreditSource.objects.filter(is_enabled=True)
        return confirm(
            self,
            request,
            title=_("Screen now"),
            facts=[
                (_("customers"), Customer.objects.count()),
                (_("rules in force"), Rule.objects.in_force().count()),
                (_("credit sources asked"), listed(sources) or _("none")),
            ],
            button=_("Screen"),
            form=form,
        )

    def _begin(self, request: HttpRequest, scope: str) -> HttpResponse:
        now = database_now()
        running = ScreeningRun.objects.filter(
            finished_at=None, started_at__gt=timezone.now() - LOST_AFTER
        )
        if running.exists():
            text = _("A screening is under way: wait for its end.")
            self.message_user(request, text, messages.WARNING)
        else:
            run = begin(scope=scope, by=request.user, now=now)
            AuditEntry.write(request.user, "screening.start", run, scope=scope)
            later("customers.jobs.carry_out_run", run.pk, lane="marketing")
            self.message_user(request, _("The screening has begun."))
        return redirect("admin:customers_screeningrun_changelist")
