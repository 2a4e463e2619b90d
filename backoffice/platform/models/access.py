from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _


class ApiClient(models.Model):
    """A partner system that may call `/api/v1/`. Only the key's hash is stored."""

    class Scope(models.TextChoices):
        CUSTOMERS = "customers:write", _("Send customers and credit facts")
        NOTICES = "notices:write", _("Send notices")
        BEHAVIOUR = "behaviour:write", _("Send behaviour records")
        READ = "messages:read", _("Read messages, events and sign-ups")
        PII = "pii:read", _("See full phone numbers")

    name = models.CharField(_("name"), max_length=80, unique=True)
    key_id = models.CharField(_("key id"), max_length=16, unique=True, editable=False)
    key_hash = models.CharField(max_length=64, editable=False)
    scopes = models.JSONField(_("scopes"), default=list)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    last_used_at = models.DateTimeField(
        _("last used"), null=True, blank=True, editable=False
    )

    class Meta:
        verbose_name = _("API client")
        verbose_name_plural = _("API clients")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    # What DRF asks of a user.
    is_authenticated = True

    @property
    def slug(self) -> str:
        """The `source` of what it sends: from its name, so keep the name."""
        return slugify(self.name, allow_unicode=True)[:36] or f"client-{self.pk}"

    @classmethod
    def of(cls, request: Any) -> ApiClient:
        """Who sent an API request: its permission has seen to it that it is a client."""
        return cast("ApiClient", request.user)

    def may(self, scope: str) -> bool:
        return scope in self.scopes

    def issue_key(self) -> str:
        """Make a new key, forget the old one; the key is returned this once."""
        self.key_id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        self.key_hash = _hash(secret)
        return f"bo_live_{self.key_id}_{secret}"

    @classmethod
    def by_key(cls, key: str) -> ApiClient | None:
        """The enabled client of a key, or None; constant time for a wrong secret."""
        key_id, _mark, secret = key.removeprefix("bo_live_").partition("_")
        client = cls.objects.filter(key_id=key_id, is_enabled=True).first()
        if client and hmac.compare_digest(client.key_hash, _hash(secret)):
            client._note_use(timezone.now())
            return client
        return None

    def _note_use(self, now: datetime) -> None:
        # To the minute: a write for every request would queue behind other writers.
        if not self.last_used_at or now - self.last_used_at > timedelta(minutes=1):
            ApiClient.objects.filter(pk=self.pk).update(last_used_at=now)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


# What is recorded, as staff read it.
ACTIONS = [
    ("account disabled", _("Disabled a provider account")),
    ("account enabled", _("Enabled a provider account")),
    ("account tested", _("Tested a provider account")),
    ("account weight set", _("Set the weight of a provider account")),
    ("add_alias", _("Added a business type or an alias")),
    ("api_client.key", _("Issued an API key")),
    ("approval.change", _("Changed an approval by a provider")),
    ("callback addresses issued", _("Issued callback addresses")),
    ("completion.done", _("Finished completion requests")),
    ("consent.withdraw", _("Withdrew consents")),
    ("credit_source.secret", _("Set the secret of a credit source")),
    ("doubt asked", _("Asked a provider again about SMS in doubt")),
    ("doubt settled", _("Settled SMS in doubt by hand")),
    ("export", _("Exported rows that were set aside")),
    ("failed numbers exported", _("Exported failed numbers")),
    ("failed numbers sent again", _("Sent again to failed numbers")),
    ("failed numbers suppressed", _("Suppressed failed numbers")),
    ("import.start", _("Started an import")),
    ("no_apply.end", _("Ended no-apply intervals early")),
    ("notices cancelled", _("Cancelled notices")),
    ("notices released", _("Released notices")),
    ("numbers allowed", _("Allowed failed numbers again")),
    ("number corrected", _("Corrected a failed number")),
    ("numbers read by API", _("Read full numbers through the API")),
    ("parameter.change", _("Changed a parameter")),
    ("push.cancel", _("Cancelled a push")),
    ("quiet_hours.change", _("Changed quiet hours or holidays")),
    ("recording.listen", _("Listened to a recording")),
    ("reveal", _("Looked at personal data in full")),
    ("rule.revise", _("Changed a segmentation rule")),
    ("screening.start", _("Started a screening")),
    ("secrets set", _("Set secrets of a provider account")),
    ("sending.resume", _("Resumed sending")),
    ("sending.stop", _("Stopped sending")),
    ("sign_up.stop", _("Stopped a sign-up")),
    ("start_event", _("Started a marketing event")),
    ("suppression.add", _("Suppressed a number")),
    ("suppression.delete", _("Lifted a suppression")),
    ("verification.overrule", _("Decided a verification by hand")),
]


class AuditEntry(models.Model):
    """Who did what that must be answered for: reveals, exports, decisions, starts."""

    at = models.DateTimeField(_("time"), auto_now_add=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        verbose_name=_("who"),
    )
    action = models.CharField(_("action"), max_length=60, choices=ACTIONS)
    object_kind = models.CharField(_("kind"), max_length=60, blank=True)
    object_id = models.CharField(_("object"), max_length=60, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    detail = models.JSONField(_("detail"), default=dict)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.object_id}".strip()

    @classmethod
    def write(
        cls,
        actor: Any,
        action: str,
        target: models.Model | None = None,
        *,
        reason: str = "",
        **detail: Any,
    ) -> AuditEntry:
        """Record an action; `detail` holds counts and ids, never personal data."""
        return cls.objects.create(
            actor=actor,
            action=action,
            object_kind=target._meta.label_lower if target else "",
            object_id=str(target.pk) if target else "",
            reason=reason,
            detail=detail,
        )
