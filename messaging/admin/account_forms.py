"""Forms of a provider account, made of what its provider declares that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.contrib.admin.widgets import AdminTextInputWidget
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.crypto import blind_index
from backoffice.kit.phones import BadPhone, to_e164
from customers.models import Suppression
from messaging.models import ProviderAccount, ProviderTemplate
from messaging.transports import TRANSPORTS as SMS
from messaging.transports import transport
from messaging.transports.base import Setting
from messaging.voice import TRANSPORTS as VOICE
from messaging.voice import voice_transport

PROVIDERS = {"sms": SMS, "voice": VOICE}
NAMES: dict[str, str | Promise] = {
    "simulator": gettext_lazy("Simulator"),
    "smpp": "SMPP 3.4",
    "aliyun": gettext_lazy("Aliyun"),
    "tencent": gettext_lazy("Tencent Cloud"),
}
SETTING, SECRET, FORGET = "setting_", "secret_", "forget_"


def provider_name(slug: str) -> str:
    return str(NAMES.get(slug, slug.title()))


def declared(channel: str, slug: str) -> Any:
    """The provider's class with its `settings` and `secrets`; None where it is not listed."""
    if slug not in PROVIDERS.get(channel, {}):
        return None
    return voice_transport(slug) if channel == "voice" else transport(slug)


# --- fields -----------------------------------------------------------------------------


class AddressField(forms.CharField):
    """An http or https address; a gateway of the house may be a bare host name."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if text and not is_address(text):
            raise forms.ValidationError(_("Write an address as https://host/path."))
        return text


def is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _port = parts.port
    except ValueError:
        return False
    # A name and password in an address would be seen by whoever sees the settings.
    plain = "@" not in parts.netloc and not any(one.isspace() for one in text)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and plain


def setting_field(setting: Setting) -> forms.Field:
    kept: dict[str, Any] = {
        "label": setting.label,
        "help_text": setting.help,
        "initial": setting.default,
        "required": setting.is_required,
    }
    if setting.kind == "yes/no":
        return forms.BooleanField(**{**kept, "required": False})
    if setting.kind == "choice":
        return forms.ChoiceField(choices=setting.choices, **kept)
    if setting.kind == "number":
        return forms.IntegerField(min_value=0, **kept)
    kind = AddressField if setting.kind == "url" else forms.CharField
    return kind(max_length=300, widget=AdminTextInputWidget, **kept)


def secret_field(secret: Setting, *, is_kept: bool) -> forms.Field:
    words = [secret.help, _("Kept: leave empty to keep it.") if is_kept else ""]
    return forms.CharField(
        label=str(secret.label),
        required=secret.is_required and not is_kept,
        max_length=2000,
        strip=True,
        widget=forms.PasswordInput(
            attrs={"autocomplete": "new-password", "class": "vTextField"}
        ),
        help_text=" ".join(str(one) for one in words if one),
    )


def field_names(provider: Any, kept: set[str]) -> Iterator[str]:
    """What the form has for a provider, in its order."""
    yield from (SETTING + one.name for one in provider.settings)
    for one in provider.secrets:
        yield SECRET + one.name
        if one.name in kept and not one.is_required:
            yield FORGET + one.name


def form_fields(provider: Any, account: ProviderAccount | None) -> dict[str, Any]:
    kept = set(account.secret_values) if account else set()
    fields: dict[str, Any] = {}
    for one in provider.settings:
        fields[SETTING + one.name] = field = setting_field(one)
        if account:
            field.initial = account.settings.get(one.name, one.default)
    for one in provider.secrets:
        fields[SECRET + one.name] = secret_field(one, is_kept=one.name in kept)
        fields[FORGET + one.name] = forms.BooleanField(
            label=_("Forget: %s") % one.label, required=False
        )
    wanted = list(field_names(provider, kept))
    return {name: fields[name] for name in wanted}


# --- forms ------------------------------------------------------------------------------


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """Secrets go in and never come out: an empty field keeps what is there."""

    provider: Any = None  # of the account's transport; set by `account_form`

    class Meta:
        model = ProviderAccount
        fields = (
            "name",
            "is_enabled",
            "signature",
            "parts_rule",
            "weight",
            "cost",
            "rate",
            "rate_unit",
            "callback_networks",
        )
        widgets = {"callback_networks": forms.Textarea(attrs={"rows": 3})}

    def clean_signature(self) -> str:
        return str(self.cleaned_data["signature"]).strip().strip("【】")

    def new_secrets(self) -> dict[str, str]:
        names = [one.name for one in self.provider.secrets]
        given = {name: self.cleaned_data.get(SECRET + name) for name in names}
        return {name: value for name, value in given.items() if value}

    def forgotten(self) -> set[str]:
        names = [one.name for one in self.provider.secrets]
        return {name for name in names if self.cleaned_data.get(FORGET + name)}

    def save(self, commit: bool = True) -> Any:
        account = self.instance
        for one in self.provider.settings:
            value = self.cleaned_data[SETTING + one.name]
            account.settings[one.name] = value
            if value in (None, ""):
                del account.settings[one.name]
        new, gone = self.new_secrets(), self.forgotten()
        if new or gone:
            kept = {n: v for n, v in account.secret_values.items() if n not in gone}
            account.set_secrets({**kept, **new})
        return super().save(commit)


def account_form(provider: Any, account: ProviderAccount | None) -> type[AccountForm]:
    fields = form_fields(provider, account)
    return type("ProviderAccountForm", (AccountForm,), {**fields, "provider": provider})


class TokenForm(forms.Form):
    retire = forms.BooleanField(
        label=gettext_lazy("Stop the addresses issued before, at once"),
        required=False,
        help_text=gettext_lazy(
            "Otherwise the newest of them works on until the next issue."
        ),
    )


class WeightForm(forms.Form):
    """By hand, with a reason that stays beside the change."""

    weight = forms.IntegerField(
        label=gettext_lazy("Weight"),
        min_value=0,
        max_value=100,
        help_text=gettext_lazy("0 to 100. 0: nothing goes over it."),
    )
    is_pinned = forms.BooleanField(
        label=gettext_lazy("Hold it there, whatever the account's health"),
        required=False,
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)


class TestForm(forms.Form):
    """A test SMS to a number that is typed in."""

    phone = forms.CharField(
        label=gettext_lazy("Send it to"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "type": "tel"}),
    )
    text = forms.CharField(
        label=gettext_lazy("Text"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    approved = forms.ModelChoiceField(
        ProviderTemplate.objects.none(),
        label=gettext_lazy("Approved text"),
        help_text=gettext_lazy("Its fields are filled with samples."),
    )

    def __init__(self, account: ProviderAccount, *args: Any) -> None:
        super().__init__(*args)
        if transport(account.transport).mode == "text":
            del self.fields["approved"]
            self.fields["text"].initial = _("This is a test.")
        else:
            del self.fields["text"]
            choice: Any = self.fields["approved"]
            approved = ProviderTemplate.objects.approved().filter(account=account)
            choice.queryset = approved
            if not approved.exists():
                choice.help_text = _("This provider has not approved any text yet.")

    def clean_phone(self) -> str:
        try:
            phone = to_e164(
                self.cleaned_data["phone"], region=settings.DEFAULT_PHONE_REGION
            )
        except BadPhone as error:
            raise forms.ValidationError(str(error)) from None
        if Suppression.objects.filter(phone_index=blind_index(phone)).exists():
            raise forms.ValidationError(_("This number is suppressed."))
        return phone
