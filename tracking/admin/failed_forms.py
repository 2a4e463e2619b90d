"""What is asked before something is done with failed numbers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.phones import BadPhone, to_e164
from messaging.failures import counted
from messaging.models import FailedNumber, ProviderAccount


class OverForm(forms.Form):
    """Over which provider, each with the number of SMS that would go."""

    account = forms.ModelChoiceField(
        ProviderAccount.objects.none(),
        label=gettext_lazy("Over"),
        required=False,
        help_text=gettext_lazy(
            "What is sent over a chosen provider goes over no other."
        ),
    )

    def __init__(
        self, rows: QuerySet[FailedNumber], now: datetime, data: Any = None
    ) -> None:
        super().__init__(data)
        used = ProviderAccount.objects.filter(
            channel="sms", is_enabled=True, weight__gt=0
        )
        counts = {one.pk: counted(rows, now=now, account=one)[""] for one in used}
        field: Any = self.fields["account"]
        field.queryset = used
        field.empty_label = _("as routing decides")
        field.label_from_instance = lambda one: f"{one} ({counts[one.pk]} SMS)"


class PhoneForm(forms.Form):
    phone = forms.CharField(label=gettext_lazy("The right number"), max_length=40)

    def clean_phone(self) -> str:
        try:
            return to_e164(self.cleaned_data["phone"])
        except BadPhone as error:
            raise forms.ValidationError(str(error)) from None
