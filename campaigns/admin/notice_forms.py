from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.imports import parse_phone
from campaigns.models import Notice
from campaigns.notice_decision import NoticeInfo
from messaging.models import MessageType

LANGUAGES = [("", gettext_lazy("the customer's own")), *settings.LANGUAGES]


class InfoFields(forms.Form):
    """Target customer information (A1): nothing is required by itself."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=60, required=False)
    phone = forms.CharField(
        label=gettext_lazy("Mobile number"), max_length=40, required=False
    )
    customer_number = forms.CharField(
        label=gettext_lazy("Customer number"),
        max_length=64,
        required=False,
        help_text=gettext_lazy("What is not given here is taken from the customer."),
    )
    amount = forms.DecimalField(
        label=gettext_lazy("Amount"),
        max_digits=14,
        decimal_places=2,
        min_value=0,
        required=False,
    )
    due_on = forms.DateField(
        label=gettext_lazy("Repayment date"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    send_on = forms.DateField(
        label=gettext_lazy("Send date"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("Empty: today."),
    )
    text = forms.CharField(
        label=gettext_lazy("Notification text"),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy(
            "Its keywords decide the type; what is sent is the type's template."
        ),
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language"), choices=LANGUAGES, required=False
    )

    def clean_phone(self) -> str:
        try:
            given = self.cleaned_data["phone"]
            return parse_phone(given) if given else ""
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if not self.errors and not any(data.values()):
            raise forms.ValidationError(_("Give at least one of the fields."))
        return data

    def info(self) -> NoticeInfo:
        data = dict(self.cleaned_data)
        number = data.pop("customer_number")
        return NoticeInfo(**data, external_id=number)


class NoticeForm(InfoFields, forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Notice
        fields = ()


class ReleaseForm(forms.Form):
    message_type = forms.ModelChoiceField(
        MessageType.objects.filter(purpose=MessageType.Purpose.SERVICE),
        label=gettext_lazy("Message type"),
        required=False,
        help_text=gettext_lazy("Empty: the one that was found."),
    )
    send_on = forms.DateField(
        label=gettext_lazy("Send date"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("Empty: the one that was given."),
    )
    fields_are_right = forms.BooleanField(
        label=gettext_lazy("The fields are right, not the text"),
        required=False,
        help_text=gettext_lazy(
            "Releases also notices whose text says another amount or day. What is sent are the fields."
        ),
    )
