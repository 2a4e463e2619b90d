"""Provider accounts: the form is made of what the provider declares; health beside it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from backoffice.kit.admin import HouseAdmin, words_of
from backoffice.kit.words import listed
from backoffice.platform.models import AuditEntry
from messaging.models import AccountHealth, ProviderAccount, Route, WeightChange
from messaging.trying import problem_words

from .account_forms import (
    PROVIDERS,
    AccountForm,
    account_form,
    declared,
    field_names,
    provider_name,
)
from .account_pages import AccountPages

CHANGES_SHOWN = 10


class RouteInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Route
    extra = 0
    verbose_name_plural = gettext_lazy("Only for (empty: for every SMS)")


class ProviderFilter(admin.SimpleListFilter):
    title = gettext_lazy("provider")
    parameter_name = "transport"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[Any]:
        slugs = sorted({slug for some in PROVIDERS.values() for slug in some})
        return [(slug, provider_name(slug)) for slug in slugs]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(transport=self.value()) if self.value() else queryset


@admin.register(ProviderAccount)
class ProviderAccountAdmin(AccountPages, HouseAdmin):
    change_form_template = "admin/messaging/provideraccount/change_form.html"
    inlines = (RouteInline,)
    list_display = (
        "name",
        "provider",
        "weight_line",
        "health_line",
        "last_error",
        "rate_line",
        "price",
        "is_enabled",
    )
    list_filter = ("channel", ProviderFilter, "is_enabled")
    list_select_related = ("health",)
    actions = ("enable", "disable")
    readonly_fields = (
        "provider",
        "settings_line",
        "weight_line",
        "health_line",
        "last_error",
        "changes",
        "callbacks",
    )

    # --- the form ---------------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Choose the provider first: the form is made of its settings."""
        if self._chosen(request) is None:
            return self._choose(request)
        return super().add_view(request, form_url, extra_context)

    def _chosen(self, request: HttpRequest) -> tuple[str, str] | None:
        channel, _colon, slug = request.GET.get("provider", "").partition(":")
        return (channel, slug) if declared(channel, slug) else None

    def _choose(self, request: HttpRequest) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        channels = dict(ProviderAccount.Channel.choices)
        choices = [
            (f"{channel}:{slug}", provider_name(slug), channels[channel])
            for channel, some in PROVIDERS.items()
            for slug in sorted(some)
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": _("Which provider?"),
            "opts": self.opts,
            "choices": choices,
        }
        name = "admin/messaging/provideraccount/choose.html"
        return TemplateResponse(request, name, context)

    def _where(self, request: HttpRequest, obj: Any) -> tuple[str, str]:
        return (
            (obj.channel, obj.transport) if obj else self._chosen(request) or ("", "")
        )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        channel, slug = self._where(request, obj)
        first = ("name", "provider", "is_enabled") if obj else ("name", "is_enabled")
        weight = "weight_line" if obj else "weight"
        sets = [
            (None, {"fields": first}),
            (provider_name(slug), {"fields": self._declares(request, obj)}),
            (_("What goes over it"), {"fields": (weight, "cost", "rate", "rate_unit")}),
        ]
        if channel != ProviderAccount.Channel.VOICE:
            sets.append((_("The text"), {"fields": ("signature", "parts_rule")}))
        if obj:
            seen = ("health_line", "last_error", "changes")
            callbacks = ("callbacks", "callback_networks")
            sets.append((_("Health"), {"fields": seen}))
            sets.append((_("Callbacks"), {"fields": callbacks}))
        return sets

    def _declares(self, request: HttpRequest, obj: Any) -> list[str]:
        provider = declared(*self._where(request, obj))
        if provider is None or (obj and not self.has_change_permission(request, obj)):
            return ["settings_line"]
        return list(field_names(provider, set(obj.secret_values) if obj else set()))

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        provider = declared(*self._where(request, obj))
        if provider is not None and self.has_change_permission(request, obj):
            kwargs["form"] = account_form(provider, obj)
        return super().get_form(request, obj, change, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: ProviderAccount, form: Any, change: bool
    ) -> None:
        if not change:
            obj.channel, obj.transport = self._where(request, None)
        # By name: what its health and its pauses write meanwhile is not written over.
        named = set(form.cleaned_data) & set(AccountForm.Meta.fields)
        obj.save(update_fields={*named, "settings", "secrets"} if change else None)
        if new := form.new_secrets():
            AuditEntry.write(request.user, "secrets set", obj, names=sorted(new))

    # --- what is seen -----------------------------------------------------------------

    @admin.display(description=gettext_lazy("provider"), ordering="transport")
    def provider(self, row: ProviderAccount) -> str:
        return provider_name(row.transport)

    @admin.display(description=gettext_lazy("settings"))
    def settings_line(self, row: ProviderAccount) -> str:
        return words_of(row.settings) or "–"

    @admin.display(description=gettext_lazy("weight"), ordering="weight")
    def weight_line(self, row: ProviderAccount) -> str:
        if row.is_pinned:
            return _("%d, held") % row.weight
        if row.lowered:
            return _("%(now)d of %(set)d") % {"now": row.weight_now, "set": row.weight}
        return str(row.weight)

    @admin.display(description=gettext_lazy("a second"), ordering="rate")
    def rate_line(self, row: ProviderAccount) -> str:
        return str(row.rate or "–")

    @admin.display(description=gettext_lazy("price"), ordering="cost")
    def price(self, row: ProviderAccount) -> str:
        return "–" if row.cost is None else f"{row.cost:f}".rstrip("0").rstrip(".")

    @admin.display(description=gettext_lazy("health"))
    def health_line(self, row: ProviderAccount) -> str:
        return health_words(_health(row), row, timezone.now())

    @admin.display(description=gettext_lazy("last error"))
    def last_error(self, row: ProviderAccount) -> str:
        health = _health(row)
        if not (health and health.last_error_at):
            return "–"
        at = timezone.localtime(health.last_error_at)
        words = problem_words(health.last_error)
        return f"{words} · {date_format(at, 'SHORT_DATETIME_FORMAT')}"

    @admin.display(description=gettext_lazy("changes of weight"))
    def changes(self, row: ProviderAccount) -> str:
        newest = row.weight_changes.select_related("by")[:CHANGES_SHOWN]
        lines = [(change_words(one),) for one in newest]
        return format_html_join("", "<div>{}</div>", lines) or "–"

    @admin.display(description=gettext_lazy("callback addresses"))
    def callbacks(self, row: ProviderAccount) -> str:
        live = row.tokens.filter(retired_at__isnull=True).count()
        return _("%d in use") % live

    # --- actions ------------------------------------------------------------------------

    @admin.action(
        description=gettext_lazy("Enable the chosen accounts"), permissions=["change"]
    )
    def enable(self, request: HttpRequest, rows: QuerySet[ProviderAccount]) -> None:
        self._switch(request, rows, on=True)

    @admin.action(
        description=gettext_lazy("Disable the chosen accounts"), permissions=["change"]
    )
    def disable(self, request: HttpRequest, rows: QuerySet[ProviderAccount]) -> None:
        self._switch(request, rows, on=False)

    def _switch(
        self, request: HttpRequest, rows: QuerySet[ProviderAccount], *, on: bool
    ) -> None:
        changed = rows.exclude(is_enabled=on)
        for account in changed:
            word = "account enabled" if on else "account disabled"
            AuditEntry.write(request.user, word, account)
        messages.success(
            request, _("%d accounts changed.") % changed.update(is_enabled=on)
        )


def _health(row: ProviderAccount) -> AccountHealth | None:
    return getattr(row, "health", None)


def health_words(health: AccountHealth | None, row: ProviderAccount, now: Any) -> str:
    """Of the last minutes: errors, slowness, a pause; "well" where there was none."""
    said = []
    if row.slow_until and row.slow_until > now:
        said.append(_("takes nothing at the moment"))
    if health and health.errors:
        words = ngettext(
            "%(n)d error in %(of)d SMS", "%(n)d errors in %(of)d SMS", health.errors
        )
        said.append(words % {"n": health.errors, "of": health.submitted})
    if health and health.slow and health.delivered_at:
        words = _("%(n)d of %(of)d SMS not delivered in time")
        said.append(words % {"n": health.slow, "of": health.judged})
    if not said and (health is None or not health.submitted):
        return _("nothing sent lately")
    return listed(said) or _("well")


def change_words(change: WeightChange) -> str:
    """ "21 Nov 2026 10:00: 50 → 40, errors (60 of 100 SMS in 60 s)"."""
    at = date_format(timezone.localtime(change.at), "SHORT_DATETIME_FORMAT")
    why = change.get_why_display()
    if change.counted.get("of"):
        why += _(" (%(wrong)d of %(of)d SMS in %(seconds)d s)") % change.counted
    if change.by:
        why += f" ({change.by}: {change.reason})"
    return f"{at}: {change.was} → {change.now}, {why}"
