from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import (
    HouseAdmin,
    ReadableJSONField,
    confirm,
    confirmed,
)
from backoffice.platform.models import AuditEntry
from messaging.models import CallbackToken, ProviderAccount
from messaging.transports import TRANSPORTS as SMS
from messaging.voice import TRANSPORTS as VOICE

PROVIDERS = {"sms": SMS, "voice": VOICE}


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """Secrets go in and never come out: an empty field keeps what is there."""

    transport = forms.ChoiceField(
        label=gettext_lazy("Provider"),
        choices=[(slug, slug) for slug in sorted({*SMS, *VOICE})],
    )
    new_secrets = ReadableJSONField(
        label=gettext_lazy("Secrets"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off"}),
        help_text=gettext_lazy(
            'As JSON: {"key": "…"}. Never shown again; leave empty to keep them.'
        ),
    )

    class Meta:
        model = ProviderAccount
        fields = (
            "name",
            "channel",
            "transport",
            "settings",
            "signature",
            "parts_rule",
            "weight",
            "is_enabled",
            "rate",
            "rate_unit",
            "callback_networks",
        )
        widgets = {"callback_networks": forms.Textarea(attrs={"rows": 3})}

    def clean_new_secrets(self) -> dict[str, str] | None:
        values = self.cleaned_data["new_secrets"]
        if values is None:
            return None
        if not isinstance(values, dict) or not all(
            isinstance(value, str) for value in values.values()
        ):
            raise forms.ValidationError(_('Write names and texts: {"key": "…"}.'))
        return values

    def clean_signature(self) -> str:
        return str(self.cleaned_data["signature"]).strip().strip("【】")

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        channel, slug = data.get("channel"), data.get("transport")
        if channel and slug and slug not in PROVIDERS[channel]:
            self.add_error("transport", _("This provider does not serve the channel."))
        return data


class TokenForm(forms.Form):
    retire = forms.BooleanField(
        label=gettext_lazy("Stop the addresses issued before, at once"),
        required=False,
        help_text=gettext_lazy(
            "Otherwise the newest of them works on until the next issue."
        ),
    )


@admin.register(ProviderAccount)
class ProviderAccountAdmin(HouseAdmin):
    form = AccountForm
    list_display = (
        "name",
        "channel",
        "transport",
        "signature",
        "parts_rule",
        "weight",
        "rate",
        "is_enabled",
    )
    list_filter = ("channel", "transport", "is_enabled")
    actions = ("enable", "disable")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = (*AccountForm.Meta.fields, "new_secrets")
        return (*fields, "secret_names", "callbacks") if obj else fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("secret_names", "callbacks") if obj else ()

    def save_model(
        self, request: HttpRequest, obj: ProviderAccount, form: Any, change: bool
    ) -> None:
        values = form.cleaned_data.get("new_secrets")
        if values is not None:
            obj.set_secrets(values)
        super().save_model(request, obj, form, change)
        if values is not None:
            AuditEntry.write(request.user, "secrets set", obj, names=sorted(values))

    @admin.display(description=gettext_lazy("secrets set"))
    def secret_names(self, row: ProviderAccount) -> str:
        return ", ".join(sorted(row.secret_values)) or "-"

    @admin.display(description=gettext_lazy("callback addresses"))
    def callbacks(self, row: ProviderAccount) -> str:
        live = row.tokens.filter(retired_at__isnull=True).count()
        url = reverse("admin:messaging_provideraccount_token", args=[row.pk])
        said = _("%d in use") % live
        return format_html('{} · <a href="{}">{}</a>', said, url, _("Issue new ones"))

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

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.token_view)
        name = "messaging_provideraccount_token"
        return [
            path("<int:object_id>/callbacks/", view, name=name),
            *super().get_urls(),
        ]

    def token_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Issue callback addresses and show them, this once."""
        account = get_object_or_404(ProviderAccount, pk=object_id)
        if not self.has_change_permission(request, account):
            raise PermissionDenied
        form = TokenForm(request.POST if confirmed(request) else None)
        facts: list[tuple[str, object]] = [(str(self.opts.verbose_name), account)]
        if not form.is_valid():
            return confirm(
                self,
                request,
                title=_("Issue callback addresses"),
                facts=facts,
                button=_("Issue"),
                form=form,
            )
        retire_old(account, keep=0 if form.cleaned_data["retire"] else 1)
        token = CallbackToken.issue(account)
        AuditEntry.write(request.user, "callback addresses issued", account)
        return confirm(
            self,
            request,
            title=_("Callback addresses"),
            facts=facts + callback_urls(account, token),
            button="",
            warning=_("Give them to the provider now: they are shown this once."),
        )


def retire_old(account: ProviderAccount, *, keep: int) -> None:
    """Stop all but the newest `keep` live tokens."""
    live = account.tokens.filter(retired_at__isnull=True).order_by("-pk")
    old = [token.pk for token in live[keep:]]
    account.tokens.filter(pk__in=old).update(retired_at=timezone.now())


def callback_urls(account: ProviderAccount, token: str) -> list[tuple[str, object]]:
    base = f"{settings.PUBLIC_BASE_URL}/callbacks/{token}"
    return [(kind, f"{base}/{kind}") for kind in account.callback_kinds]
