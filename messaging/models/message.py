from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from backoffice.kit.crypto import EncryptedField
from backoffice.kit.ids import uuid7
from backoffice.kit.masking import mask_phone
from backoffice.platform.models import Parameter
from customers.models import BusinessType, Customer

from .account import ProviderAccount
from .stop import EVERYTHING, account_target, lane_target, stopped_chunk
from .template import TemplateVersion


class ChunkQuerySet(models.QuerySet["Chunk"]):
    def due(self, now: datetime) -> ChunkQuerySet:
        """Those with something to send now that no worker holds and nobody stopped."""
        free = Q(leased_until__isnull=True) | Q(leased_until__lt=now)
        return self.filter(free, next_at__lte=now).exclude(stopped_chunk())


class Chunk(models.Model):
    """Messages that one worker sends together: at most a few thousand, often just one.

    The lease is here, not on the messages: its end gives what is still queued back.
    `next_at` is null once nothing of the chunk is queued any more.
    """

    lane = models.CharField(_("lane"), max_length=10)
    # What ordered it, for people and for pausing: "push:12", "notices".
    origin = models.CharField(_("ordered by"), max_length=40)
    size = models.PositiveIntegerField(_("messages"), default=0)
    next_at = models.DateTimeField(_("next due"), null=True)
    leased_until = models.DateTimeField(_("leased until"), null=True)
    lease_owner = models.CharField(max_length=40, blank=True)
    # When the provider is asked next about the chunk's unknown messages.
    query_at = models.DateTimeField(_("next query"), null=True)
    # When those without a receipt are looked through for what has waited too long.
    receipts_due_at = models.DateTimeField(null=True)
    # At most so many of its origin's messages a minute; null: no limit.
    per_minute = models.PositiveIntegerField(null=True)
    # What the whole chunk waits for: "rate", "throttled".
    waiting = models.CharField(max_length=12, blank=True, default="")

    objects = ChunkQuerySet.as_manager()

    class Meta:
        verbose_name = _("chunk")
        verbose_name_plural = _("chunks")
        indexes = [
            # the sweep: what is due in a lane
            models.Index(
                fields=["lane", "next_at"],
                condition=Q(next_at__isnull=False),
                name="chunk_due",
            ),
            models.Index(
                fields=["query_at"],
                condition=Q(query_at__isnull=False),
                name="chunk_query",
            ),
            models.Index(
                fields=["receipts_due_at"],
                condition=Q(receipts_due_at__isnull=False),
                name="chunk_receipts",
            ),
            models.Index(fields=["origin"], name="chunk_origin"),  # a push's progress
        ]

    def __str__(self) -> str:
        return f"{self.origin} #{self.pk}"

    def lease(self, owner: str, *, now: datetime, seconds: int) -> bool:
        """Take the chunk if nobody holds it; true only for the one who got it."""
        until = now + timedelta(seconds=seconds)
        free = Chunk.objects.due(now).filter(pk=self.pk)
        return free.update(leased_until=until, lease_owner=owner) == 1

    def hold(
        self, owner: str, over: ProviderAccount, *, now: datetime, seconds: int
    ) -> bool:
        """Renew the lease before something is handed over; False where it ran out, or
        where sending it, or over the account, is stopped.

        In a transaction the chunk is ours until the commit. Receipts of what is handed
        over are looked for later, once: what is planned already stays.
        """
        waits = timedelta(hours=Parameter.read("receipt_wait_hours"))
        until = now + timedelta(seconds=seconds)
        at = connection.ops.adapt_datetimefield_value
        stops = (
            EVERYTHING,
            self.origin,
            lane_target(self.lane),
            account_target(over.pk),
        )
        with (
            connection.cursor() as cursor
        ):  # each fence asks: the ORM takes five times as long
            cursor.execute(
                _HOLD, [at(until), at(now + waits), self.pk, owner, at(now), *stops]
            )
            return bool(cursor.rowcount == 1)

    def release(
        self, owner: str, *, next_at: datetime | None, waiting: str = ""
    ) -> None:
        """Give the lease back. A `next_at` that somebody set meanwhile is not written over.

        Whoever makes a message queued again sets it, after that; so nothing queued is lost.
        """
        mine = Chunk.objects.filter(pk=self.pk, lease_owner=owner)
        due = Value(next_at, output_field=models.DateTimeField())
        kept = Case(When(next_at=self.next_at, then=due), default=F("next_at"))
        released = mine.update(
            leased_until=None, lease_owner="", next_at=kept, waiting=waiting
        )
        if not released and next_at:
            # Somebody else's by now, and perhaps given back already.
            Chunk.objects.filter(pk=self.pk).update(next_at=next_at)

    def ask_soon(self, now: datetime) -> None:
        """Something of it is in doubt: ask its provider.

        What is planned already stays; the row is locked in any case, against who clears it.
        """
        asks = timedelta(seconds=Parameter.read("unknown_query_after_seconds"))
        at = _unless_planned("query_at", now + asks)
        Chunk.objects.filter(pk=self.pk).update(query_at=at)


_HOLD = """
UPDATE messaging_chunk SET leased_until = %s, receipts_due_at = COALESCE(receipts_due_at, %s)
WHERE id = %s AND lease_owner = %s AND leased_until > %s
  AND NOT EXISTS (SELECT 1 FROM messaging_stop WHERE target IN (%s, %s, %s, %s))
"""


def _unless_planned(column: str, at: datetime) -> Coalesce:
    return Coalesce(column, Value(at, output_field=models.DateTimeField()))


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
