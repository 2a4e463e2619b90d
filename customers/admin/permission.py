"""Who may be contacted: consents and suppressed numbers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from backoffice.kit.admin import HouseAdmin
from backoffice.kit.crypto import blind_index
from backoffice.kit.phones import BadPhone, to_e164
from backoffice.platform.models import AuditEntry
from customers.models import Consent, Suppression

from .acting import ActingAdmin


class GivenFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> Any:
        return [("given", gettext_lazy("given")), ("gone", gettext_lazy("withdrawn"))]

    def queryset(self, request: Any, queryset: Any) -> Any:
        if self.value() in ("given", "gone"):
            return queryset.filter(withdrawn_at__isnull=self.value() == "given")
        return queryset


@admin.register(Consent)
class ConsentAdmin(ActingAdmin):
    list_display = ("customer", "purpose", "source", "given_at", "withdrawn_at")
    list_filter = (GivenFilter, "purpose")
    list_select_related = ("customer",)
    search_fields = ("=customer__external_id",)
    ordering = ("-id",)
    actions = ("withdraw",)

    @admin.action(description=gettext_lazy("Withdraw"), permissions=["act"])
    def withdraw(
        self, request: HttpRequest, rows: QuerySet[Consent]
    ) -> HttpResponse | None:
        effect = _("These customers get no more marketing messages.")
        if page := self.ask(request, rows, title=_("Withdraw"), warning=effect):
            return page
        gone = rows.filter(withdrawn_at=None).update(withdrawn_at=timezone.now())
        AuditEntry.write(request.user, "consent.withdraw", consents=gone)
        text = ngettext("%d consent withdrawn.", "%d consents withdrawn.", gone)
        self.message_user(request, text % gone)
        return None


class SuppressionForm(forms.ModelForm):  # type: ignore[type-arg]
    """The number is typed in, and only its index is kept."""

    phone = forms.CharField(
        label=gettext_lazy("Phone number"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("It is not kept: only its keyed index is."),
    )

    class Meta:
        model = Suppression
        fields = ("phone", "scope", "reason")

    def clean_phone(self) -> str:
        try:
            phone = to_e164(
                self.cleaned_data["phone"], region=settings.DEFAULT_PHONE_REGION
            )
        except BadPhone as error:
            raise forms.ValidationError(str(error)) from None
        return phone

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if {"phone", "scope"} <= set(given):
            same = Suppression.objects.filter(
                phone_index=blind_index(given["phone"]), scope=given["scope"]
            )
            if same.exists():
                self.add_error("phone", _("This number is suppressed already."))
        return given

    def save(self, commit: bool = True) -> Any:
        self.instance.phone_index = blind_index(self.cleaned_data["phone"])
        self.instance.created_at = timezone.now()
        return super().save(commit)


@admin.register(Suppression)
class SuppressionAdmin(HouseAdmin):
    form = SuppressionForm
    list_display = ("id", "scope", "why", "created_at")
    list_filter = ("scope",)
    fields = ("phone", "scope", "reason")
    readonly_fields = ("why",)
    ordering = ("-id",)

    @admin.display(description=gettext_lazy("reason"))
    def why(self, row: Suppression) -> str:
        return _(row.reason) if row.reason else "-"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("scope", "why", "created_at") if obj else self.fields

    def save_model(
        self, request: HttpRequest, obj: Suppression, form: Any, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        AuditEntry.write(request.user, "suppression.add", obj, reason=obj.reason)

    def delete_model(self, request: HttpRequest, obj: Suppression) -> None:
        AuditEntry.write(request.user, "suppression.delete", obj, reason=obj.reason)
        super().delete_model(request, obj)

    def delete_queryset(
        self, request: HttpRequest, queryset: QuerySet[Suppression]
    ) -> None:
        for row in queryset:
            self.delete_model(request, row)
