from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import HouseAdmin
from backoffice.platform.models import AuditEntry
from customers.models import CreditSource


class CreditSourceForm(forms.ModelForm):  # type: ignore[type-arg]
    url = forms.URLField(
        label=gettext_lazy("address"), max_length=300, assume_scheme="https"
    )
    new_secret = forms.CharField(
        label=gettext_lazy("Secret"),
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy(
            "Sent as a bearer token. It is never shown; empty: it stays as it is."
        ),
    )

    class Meta:
        model = CreditSource
        fields = ("name", "customer_source", "url", "is_enabled")

    def save(self, commit: bool = True) -> Any:
        if secret := self.cleaned_data["new_secret"]:
            self.instance.secret = secret
        return super().save(commit)


@admin.register(CreditSource)
class CreditSourceAdmin(HouseAdmin):
    form = CreditSourceForm
    list_display = ("name", "customer_source", "url", "is_enabled")
    list_filter = ("is_enabled",)

    def save_model(
        self, request: HttpRequest, obj: CreditSource, form: Any, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        if form.cleaned_data["new_secret"]:
            AuditEntry.write(request.user, "credit_source.secret", obj)
