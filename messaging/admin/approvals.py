from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import HouseAdmin
from backoffice.platform.models import AuditEntry
from messaging.fields import known_fields
from messaging.models import ProviderAccount, ProviderTemplate, TemplateVersion
from messaging.rendering import set_off
from messaging.template_channel import default_variables, problems, provider_text
from messaging.transports import TRANSPORTS, transport

State = ProviderTemplate.State
SENT_IN = (State.WAITING, State.APPROVED)


def template_channels() -> list[str]:
    """The providers that hold the texts themselves."""
    return [slug for slug in TRANSPORTS if transport(slug).mode == "template"]


class ApprovalForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a provider is given, and what it said. Its rules are checked before it is asked."""

    lines = forms.CharField(
        label=gettext_lazy("Variables"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "cols": 40}),
        help_text=gettext_lazy(
            "The provider's variable = our field, one a line, in its order: 1 = name. "
            "Empty: under the names of our fields."
        ),
    )

    class Meta:
        model = ProviderTemplate
        fields = ("version", "account", "sign_name", "code", "state", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        pairs = self.instance.variables
        self.initial["lines"] = "\n".join(f"{name} = {field}" for name, field in pairs)
        if "account" in self.fields:
            accounts: Any = self.fields["account"]
            accounts.queryset = ProviderAccount.objects.filter(
                channel="sms", transport__in=template_channels()
            )
        self.fields["sign_name"].required = False

    def clean_lines(self) -> list[tuple[str, str]]:
        rows = [row for row in self.cleaned_data["lines"].splitlines() if row.strip()]
        pairs = [tuple(part.strip() for part in row.split("=")) for row in rows]
        if not all(len(pair) == 2 and all(pair) for pair in pairs):
            raise forms.ValidationError(_("One pair a line: 1 = name."))
        return [(name, field) for name, field in pairs]

    def clean_sign_name(self) -> str:
        return str(self.cleaned_data["sign_name"]).strip().strip("【】")

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        version = data.get("version") or getattr(self.instance, "version", None)
        account = data.get("account") or getattr(self.instance, "account", None)
        if self.errors or account is None or version is None:
            return data
        data["sign_name"] = data["sign_name"] or account.signature
        data["lines"] = data["lines"] or default_variables(version.text)
        self._check(version, data)
        return data

    def _check(self, version: TemplateVersion, data: dict[str, Any]) -> None:
        if data["state"] in SENT_IN:
            for problem in problems(version.text, data["lines"], links=_links(version)):
                self.add_error("lines", problem)
        if not data["sign_name"]:
            self.add_error("sign_name", _("The account has no signature: give one."))
        if data["state"] == State.APPROVED and not data["code"]:
            self.add_error("code", _("An approved template has a code."))
        if data["state"] == State.REFUSED and not data["reason"]:
            self.add_error("reason", _("Say why it was refused."))


def _links(version: TemplateVersion) -> list[str]:
    known = known_fields(version.template.message_type)
    return [one.name for one in known.values() if one.kind == "link"]


@admin.register(ProviderTemplate)
class ProviderTemplateAdmin(HouseAdmin):
    form = ApprovalForm
    list_display = ("version", "account", "state", "code", "sign_name", "changed_at")
    list_filter = ("state", "account")
    list_select_related = ("version__template", "account")
    search_fields = ("version__template__name", "code", "sign_name")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        own = ("version", "account", "sign_name", "code", "lines", "state", "reason")
        return (*own, "handed_in", "changed_at") if obj else own

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("version", "account", "handed_in", "changed_at") if obj else ()

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "version":
            versions = TemplateVersion.objects.select_related("template")
            kwargs["queryset"] = versions.order_by("template__name", "-version")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: ProviderTemplate, form: Any, change: bool
    ) -> None:
        obj.sign_name = form.cleaned_data["sign_name"]
        obj.variables = [list(pair) for pair in form.cleaned_data["lines"]]
        if not change or "state" in form.changed_data:
            obj.changed_at = timezone.now()
        super().save_model(request, obj, form, change)
        AuditEntry.write(
            request.user, "approval.change", obj, state=obj.state, code=obj.code
        )

    @admin.display(description=gettext_lazy("text to hand in"))
    def handed_in(self, row: ProviderTemplate) -> str:
        """As the provider's own form wants it: without signature, with its variables."""
        version = row.version
        text = provider_text(version.text, row.variables)
        return format_html("<pre>{}</pre>", text + set_off(text, version.footer))
