from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from backoffice.kit.crypto import EncryptedField
from backoffice.kit.ids import uuid7
from backoffice.kit.masking import mask_phone
from customers.models import BusinessType, Customer

from .account import ProviderAccount
from .chunk import Chunk
from .stop import Stop, lane_target
from .template import TemplateVersion

# Why a message waits, or that its provider did not know it when asked.
WAITS = [
    ("quiet_hours", _("quiet hours")),
    ("no_route", _("no provider account is enabled")),
    ("throttled", _("the provider takes no more now")),
    ("not_found", _("the provider does not know it")),
    ("rate", _("its turn at the set rate")),
]


class Message(models.Model):
    """One SMS. `id` is its SMS id (E1), also what a provider is given as our reference.

    ```
    queued 0 -> sending 10 -> sent 20 -> delivered 50
       |           |  |         `------> failed / expired 40   (receipt)
       |           |  `-> unknown 15 --> sent | delivered | failed   (receipt, query)
       |           `----> queued only when surely not taken, or failed (refused by provider)
       `-> refused 90 (our gate) | cancelled 91
    ```
    A status changes by a conditional UPDATE and its rank only rises; the one way back,
    `sending -> queued`, needs proof that the provider took nothing. Replied is
    `replied_at` on top. *What* happened is `status`, *why* is `failure`, the provider's
    own words stand with the receipt and the submission.

    The text is not stored: it is template version + parameters + renderer version.
    No column that changes stands in an index, so that outcome updates stay HOT.
    """

    class Status(models.IntegerChoices):
        QUEUED = 0, _("queued")
        SENDING = 10, _("sending")
        UNKNOWN = 15, _("unknown")
        SENT = 20, _("sent")
        FAILED = 40, _("failed")
        EXPIRED = 41, _("expired")
        DELIVERED = 50, _("delivered")
        REFUSED = 90, _("refused")
        CANCELLED = 91, _("cancelled")

    class Failure(models.TextChoices):
        # Our own refusals (X2) ...
        SUPPRESSED = "suppressed", _("number is suppressed")
        NO_CONSENT = "no_consent", _("no consent")
        NO_APPLY = "no_apply", _("in a no-apply interval")
        CAPPED = "capped", _("frequency cap reached")
        REPEATED = "repeated", _("the same text went to the number just before")
        DEAD_NUMBER = "dead_number", _("the number was found not to exist")
        TOO_LATE = "too_late", _("no longer valid")
        MISSING_FIELD = "missing_field", _("a field of the template is missing")
        LINK_IN_VALUE = (
            "link_in_value",
            _("a link in a value, which the provider refuses"),
        )
        # ... and what providers and operators say, in our words.
        INVALID_NUMBER = "invalid_number", _("number does not exist")
        UNREACHABLE = "unreachable", _("phone not reachable")
        BLOCKED = "blocked", _("blocked by the operator or the person")
        REJECTED_CONTENT = "rejected_content", _("text refused by the provider")
        PROVIDER_ERROR = "provider_error", _("provider error")
        NO_RECEIPT = "no_receipt", _("no receipt in time")
        OTHER = "other", _("other")

    # Ranks that no receipt and no worker changes any more.
    FINAL = (
        Status.FAILED,
        Status.EXPIRED,
        Status.DELIVERED,
        Status.REFUSED,
        Status.CANCELLED,
    )

    id = models.UUIDField(_("SMS id"), primary_key=True, default=uuid7, editable=False)
    # db_constraint=False: these rows are made set-based from their parents, and a
    # constraint halves the insert rate (performance.md); a test holds the invariant.
    chunk = models.ForeignKey(
        Chunk, on_delete=models.DO_NOTHING, db_constraint=False, related_name="messages"
    )
    customer = models.ForeignKey(
        Customer,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="messages",
        verbose_name=_("customer"),
    )
    phone = EncryptedField("phone", verbose_name=_("phone"))
    phone_index = models.BinaryField(max_length=16)
    template_version = models.ForeignKey(
        TemplateVersion,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        verbose_name=_("template"),
    )
    parameters = EncryptedField(
        "text", verbose_name=_("parameters")
    )  # a JSON object of strings
    business_type = models.ForeignKey(
        BusinessType,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        verbose_name=_("business type"),
    )
    is_marketing = models.BooleanField(
        default=False,
        verbose_name=_("Marketing"),
    )
    created_at = models.DateTimeField(_("created"))
    due_at = models.DateTimeField(_("due"), null=True)  # null from the fence on
    expires_at = models.DateTimeField(_("valid until"))
    status = models.SmallIntegerField(
        _("status"), choices=Status.choices, default=Status.QUEUED
    )
    failure = models.CharField(
        _("reason"), max_length=20, choices=Failure.choices, blank=True, default=""
    )
    # Why it waits, where `due_at` was put off: "quiet_hours", "throttled".
    waiting = models.CharField(
        _("waiting for"), max_length=12, blank=True, default="", choices=WAITS
    )
    attempts = models.SmallIntegerField(_("attempts"), default=0)
    parts = models.SmallIntegerField(_("parts"), default=0)
    account = models.ForeignKey(
        ProviderAccount,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        verbose_name=_("provider account"),
    )
    signature = models.CharField(_("signature"), max_length=20, blank=True, default="")
    fenced_at = models.DateTimeField(_("handed over"), null=True)
    sent_at = models.DateTimeField(_("sent"), null=True)
    settled_at = models.DateTimeField(_("settled"), null=True)
    replied_at = models.DateTimeField(_("replied"), null=True)
    needs_person = models.BooleanField(_("needs a person"), default=False)
    # Goes over `account` and no other: it was in doubt there, or staff chose the account.
    # A default of the database: COPY need not name it.
    is_bound = models.BooleanField(default=False, db_default=False, editable=False)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        permissions = [("view_message_text", _("Can read message texts"))]
        indexes = [
            # frequency caps, repeated texts, search by number; both columns never change
            models.Index(fields=["phone_index", "created_at"], name="message_phone"),
            # staff's list; what changes outcomes does not touch the column, so stays HOT
            models.Index(
                fields=["id"], condition=Q(needs_person=True), name="message_person"
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def masked_phone(self) -> str:
        return mask_phone(self.phone)

    @property
    def values(self) -> dict[str, str]:
        """The frozen parameters, as the template takes them."""
        parsed: dict[str, Any] = json.loads(self.parameters)
        return parsed

    def text(self) -> str:
        """What was or will be sent, from template version and frozen parameters."""
        return self.template_version.compiled(self.signature).render(self.values)

    @property
    def state(self) -> str:
        """What staff see: replied stands above delivered (E5)."""
        return str(_("replied")) if self.replied_at else str(self.get_status_display())

    @property
    def waits_for(self) -> str:
        """What a queued one waits for, in words: somebody's stop, a time, a rate."""
        if self.status != self.Status.QUEUED:
            return ""
        lane = lane_target(self.chunk.lane)
        if stop := Stop.objects.of(self.chunk.origin, lane).first():
            return str(_("stopped: %s") % stop.label)
        return str(dict(WAITS).get(self.waiting or self.chunk.waiting, ""))
