from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from backoffice.kit.crypto import EncryptedField
from backoffice.kit.masking import mask_name, mask_phone
from backoffice.platform.models import ApiClient, Import
from customers.models import Customer
from messaging.models import Message, MessageType, TemplateVersion


class Notice(models.Model):
    """Target customer information of A1, and what became of it.

    `scheduled -> sent` on its date; `held` with a reason wherever anything is not
    certain: an ambiguous type, a missing field, a send date in the past. Never guessed.
    """

    class Status(models.TextChoices):
        SCHEDULED = "scheduled", _("scheduled")
        SENT = "sent", _("handed over for sending")
        HELD = "held", _("held")
        CANCELLED = "cancelled", _("cancelled")

    class Hold(models.TextChoices):
        NO_TYPE = "no_type", _("no keyword matched")
        AMBIGUOUS = "ambiguous", _("keywords of several types matched")
        NO_TEMPLATE = "no_template", _("the type has no published template")
        MISSING_FIELD = "missing_field", _("a field of the template is missing")
        PAST_DATE = "past_date", _("the send date is in the past")
        NO_PHONE = "no_phone", _("no phone number")
        MISMATCH = "mismatch", _("the text and the fields differ")

    class Origin(models.TextChoices):
        FORM = "form", _("form")
        FILE = "file", _("file")
        API = "api", _("API")

    customer = models.ForeignKey(
        Customer,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        verbose_name=_("customer"),
    )
    name = EncryptedField(
        "name",
        verbose_name=pgettext_lazy("of a person", "name"),
        default="",
        blank=True,
    )
    phone = EncryptedField(
        "phone", verbose_name=_("mobile number"), default="", blank=True
    )
    phone_index = models.BinaryField(max_length=16, null=True)
    amount = models.DecimalField(
        _("amount"), max_digits=14, decimal_places=2, null=True, blank=True
    )
    due_on = models.DateField(_("repayment date"), null=True, blank=True)
    send_on = models.DateField(_("send date"), null=True, blank=True)
    text = EncryptedField(
        "text", verbose_name=_("notification text"), default="", blank=True
    )
    language = models.CharField(
        _("language"), max_length=10, choices=settings.LANGUAGES, default="zh-hans"
    )

    status = models.CharField(_("status"), max_length=10, choices=Status.choices)
    hold = models.CharField(
        _("held because"), max_length=14, choices=Hold.choices, blank=True, default=""
    )
    detail = models.CharField(_("detail"), max_length=200, blank=True, default="")
    message_type = models.ForeignKey(
        MessageType,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        verbose_name=_("message type"),
    )
    template_version = models.ForeignKey(
        TemplateVersion, on_delete=models.PROTECT, null=True, verbose_name=_("template")
    )
    # Which words decided: [["提前还款", "repayment_reminder"], ...].
    keywords = models.JSONField(_("keywords found"), default=list)
    message = models.OneToOneField(
        Message,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="notice",
        verbose_name=_("message"),
    )

    origin = models.CharField(_("came by"), max_length=4, choices=Origin.choices)
    batch = models.ForeignKey(
        Import, on_delete=models.PROTECT, null=True, verbose_name=_("file")
    )
    client = models.ForeignKey(
        ApiClient, on_delete=models.PROTECT, null=True, verbose_name=_("API client")
    )
    client_reference = models.CharField(  # noqa: DJ001  null: unique where given
        _("partner's reference"), max_length=80, null=True, blank=True
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        verbose_name=_("by"),
    )

    class Meta:
        verbose_name = _("lifecycle notice")
        verbose_name_plural = _("lifecycle notices")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["client", "client_reference"], name="notice_client_reference"
            )
        ]
        indexes = [
            models.Index(
                fields=["send_on"],
                condition=models.Q(status="scheduled"),
                name="notice_due",
            )
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def masked_phone(self) -> str:
        return mask_phone(self.phone)

    @property
    def masked_name(self) -> str:
        return mask_name(self.name)
