from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from backoffice.kit.addresses import parse_networks
from backoffice.kit.crypto import EncryptedField

from .stop import stopped_account


def validate_networks(text: str) -> None:
    try:
        parse_networks(text)
    except ValueError:
        raise ValidationError(
            _("One of these is no address and no network like 203.0.113.0/24.")
        ) from None


class AccountQuerySet(models.QuerySet["ProviderAccount"]):
    def for_sms(self) -> AccountQuerySet:
        """The enabled ones for SMS, first the one that most go over."""
        return self.filter(channel="sms", is_enabled=True).order_by("-weight", "name")

    def unstopped(self) -> AccountQuerySet:
        """Those that no `Stop` holds."""
        return self.exclude(stopped_account())


class ProviderAccount(models.Model):
    """Our account with a provider: how to reach it and how much goes over it."""

    class Channel(models.TextChoices):
        SMS = "sms", _("SMS")
        VOICE = "voice", _("Voice")

    name = models.CharField(_("name"), max_length=60, unique=True)
    channel = models.CharField(_("channel"), max_length=5, choices=Channel.choices)
    transport = models.CharField(_("provider"), max_length=30)
    settings = models.JSONField(_("settings"), default=dict, blank=True)
    # A JSON object; written in the admin, never shown there again.
    secrets = EncryptedField("secret", verbose_name=_("secrets"), default="{}")
    # The newest: Kannel and Twilio are told where receipts go with every SMS.
    callback_token = EncryptedField("secret", default="", editable=False)
    callback_networks = models.TextField(
        _("callbacks come from"),
        blank=True,
        default="",
        validators=[validate_networks],
        help_text=_(
            "The provider's addresses or networks, one a line: 203.0.113.0/24. "
            "Empty: from anywhere."
        ),
    )
    signature = models.CharField(
        _("signature"),
        max_length=20,
        blank=True,
        help_text=_("Set before each text in 【】."),
    )
    parts_rule = models.CharField(
        _("parts are counted"),
        max_length=5,
        default="gsm",
        choices=[("gsm", _("GSM-7 / UCS-2")), ("china", _("Chinese rule (70/67)"))],
    )
    weight = models.PositiveSmallIntegerField(
        _("set weight"),
        default=50,
        validators=[MaxValueValidator(100)],
        help_text=_(
            "0 to 100: its share beside the others. 0: nothing goes over it. Of accounts "
            "with the same weight the cheaper is taken first."
        ),
    )
    # Points that errors or slow delivery took off; it drifts back to 0.
    lowered = models.PositiveSmallIntegerField(default=0, editable=False)
    is_pinned = models.BooleanField(
        _("weight held"),
        default=False,
        help_text=_("Its health changes nothing."),
    )
    cost = models.DecimalField(
        _("price of a part"), max_digits=9, decimal_places=5, null=True, blank=True
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)
    rate = models.PositiveIntegerField(
        _("at most a second"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("For all workers together. Empty: no limit."),
    )
    rate_unit = models.CharField(
        _("counted in"),
        max_length=8,
        default="messages",
        choices=[("messages", _("messages")), ("parts", _("parts"))],
    )
    # It took nothing a moment ago (a throttle, a refused connection): left alone till then.
    slow_until = models.DateTimeField(_("left alone until"), null=True, editable=False)

    objects = AccountQuerySet.as_manager()

    class Meta:
        verbose_name = _("provider account")
        verbose_name_plural = _("provider accounts")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def callback_kinds(self) -> tuple[str, ...]:
        """What its provider may call us about."""
        is_voice = self.channel == self.Channel.VOICE
        return ("calls",) if is_voice else ("receipts", "replies")

    @property
    def secret_values(self) -> dict[str, str]:
        values: dict[str, str] = json.loads(self.secrets or "{}")
        return values

    @property
    def weight_now(self) -> int:
        """What routing goes by: the set weight less what its health took off."""
        return self.weight if self.is_pinned else max(0, self.weight - self.lowered)

    def callback_url(self, kind: str) -> str:
        """The newest address for receipts or replies; empty before one was issued."""
        if not self.callback_token:
            return ""
        base = settings.PUBLIC_BASE_URL
        return f"{base}/callbacks/{self.callback_token}/{kind}"

    def set_secrets(self, values: dict[str, str]) -> None:
        self.secrets = json.dumps(values)


class CallbackToken(models.Model):
    """The unguessable part of an account's callback URLs; two may live while rotating."""

    account = models.ForeignKey(
        ProviderAccount, on_delete=models.CASCADE, related_name="tokens"
    )
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    retired_at = models.DateTimeField(_("retired"), null=True, blank=True)

    class Meta:
        verbose_name = _("callback token")
        verbose_name_plural = _("callback tokens")

    def __str__(self) -> str:
        return f"{self.account}"

    @classmethod
    def issue(cls, account: ProviderAccount) -> str:
        """A new token, returned this once; the account keeps it, encrypted, for its URLs."""
        token = secrets.token_urlsafe(24)
        cls.objects.create(account=account, token_hash=hash_token(token))
        account.callback_token = token
        account.save(update_fields=["callback_token"])
        return token

    @classmethod
    def account_of(cls, token: str) -> ProviderAccount | None:
        live: Any = cls.objects.filter(
            token_hash=hash_token(token), retired_at__isnull=True
        )
        row = live.select_related("account").first()
        return row.account if row else None


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
