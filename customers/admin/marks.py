from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from backoffice.platform.models import AuditEntry
from customers.models import CompletionRequest, NoApplyInterval

from .acting import ActingAdmin
from .labels import in_words


class CurrentFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> Any:
        return [("current", gettext_lazy("runs now")), ("over", gettext_lazy("over"))]

    def queryset(self, request: Any, queryset: Any) -> Any:
        current = {"end_at__gt": timezone.now(), "ended_at": None}
        if self.value() == "current":
            return queryset.filter(**current)
        if self.value() == "over":
            return queryset.exclude(**current)
        return queryset


@admin.register(NoApplyInterval)
class NoApplyIntervalAdmin(ActingAdmin):
    list_display = (
        "customer",
        "start_at",
        "end_at",
        "ended_at",
        "rule",
        "facts_in_words",
    )
    list_filter = (CurrentFilter, "rule")
    list_select_related = ("customer", "rule", "run")
    search_fields = ("=customer__external_id",)
    fields = (*list_display[:5], "run", "facts_in_words")
    actions = ("end_early",)

    @admin.display(description=gettext_lazy("facts that were true"))
    def facts_in_words(self, interval: NoApplyInterval) -> str:
        return in_words(interval.facts)

    @admin.action(description=gettext_lazy("End early"), permissions=["act"])
    def end_early(
        self, request: HttpRequest, rows: QuerySet[NoApplyInterval]
    ) -> HttpResponse | None:
        again = _("The next screening marks a customer again whose facts still hold.")
        if page := self.ask(request, rows, title=_("End early"), warning=again):
            return page
        now = timezone.now()
        ended = rows.filter(ended_at=None, end_at__gt=now).update(ended_at=now)
        AuditEntry.write(request.user, "no_apply.end", intervals=ended)
        text = ngettext("%d interval ended.", "%d intervals ended.", ended)
        self.message_user(request, text % ended)
        return None


class OpenFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> Any:
        return [
            ("open", pgettext_lazy("to be done", "open")),
            ("done", gettext_lazy("done")),
        ]

    def queryset(self, request: Any, queryset: Any) -> Any:
        if self.value() in ("open", "done"):
            return queryset.filter(done_at__isnull=self.value() == "open")
        return queryset


@admin.register(CompletionRequest)
class CompletionRequestAdmin(ActingAdmin):
    list_display = ("customer", "opened_at", "interval", "done_at", "done_by")
    list_filter = (OpenFilter,)
    list_select_related = ("customer", "interval", "done_by")
    search_fields = ("=customer__external_id",)
    actions = ("done",)

    @admin.action(
        description=gettext_lazy("Done: the data is complete"), permissions=["act"]
    )
    def done(
        self, request: HttpRequest, rows: QuerySet[CompletionRequest]
    ) -> HttpResponse | None:
        effect = _("The no-apply intervals that came with these requests end.")
        if page := self.ask(request, rows, title=_("Done"), warning=effect):
            return page
        now = timezone.now()
        finished = sum(one.finish(by=request.user, now=now) for one in rows)
        AuditEntry.write(request.user, "completion.done", requests=finished)
        text = ngettext("%d request done.", "%d requests done.", finished)
        self.message_user(request, text % finished, messages.SUCCESS)
        return None
