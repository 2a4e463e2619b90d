from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from backoffice.kit.crypto import EncryptedField
from customers.models import BusinessType, Customer, Label
from messaging.models import Call, Message


class CallTemplate(models.Model):
    """What a verification call says, around the question (D4). `{question}`, `{activity}`."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    language = models.CharField(
        _("language"), max_length=10, choices=settings.LANGUAGES
    )
    text = models.TextField(_("script"), max_length=500)

    class Meta:
        verbose_name = _("call template")
        verbose_name_plural = _("call templates")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Activity(models.Model):
    """Something customers with designated labels may sign up for (D1, D2)."""

    slug = models.SlugField(_("address"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    name_zh = models.CharField(_("Chinese name"), max_length=80, blank=True)
    description = models.TextField(_("description"), blank=True)
    description_zh = models.TextField(_("Chinese description"), blank=True)
    labels = models.ManyToManyField(Label, verbose_name=_("for customers labelled"))
    business_type = models.ForeignKey(
        BusinessType,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        verbose_name=_("business type"),
    )
    call_templates = models.ManyToManyField(
        CallTemplate,
        verbose_name=_("call templates"),
        help_text=_("One for each language."),
    )
    starts_at = models.DateTimeField(_("opens"))
    ends_at = models.DateTimeField(_("closes"))

    class Meta:
        verbose_name = _("activity")
        verbose_name_plural = _("activities")
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="activity_ends_later",
            )
        ]

    def __str__(self) -> str:
        return (get_language() or "").startswith("zh") and self.name_zh or self.name


class ActivityField(models.Model):
    """A field of the sign-up form; with a question, it can be asked about on the phone (D3)."""

    class Kind(models.TextChoices):
        TEXT = "text", _("Text")
        DIGITS = "digits", _("Digits")
        DATE = "date", _("Date")
        YESNO = "yesno", _("Yes or no")

    activity = models.ForeignKey(
        Activity,
        on_delete=models.CASCADE,
        related_name="fields",
        verbose_name=_("activity"),
    )
    name = models.SlugField(_("name"), max_length=40)
    label = models.CharField(pgettext_lazy("of a field", "label"), max_length=80)
    label_zh = models.CharField(_("Chinese label"), max_length=80, blank=True)
    kind = models.CharField(_("kind"), max_length=6, choices=Kind.choices)
    is_required = models.BooleanField(_("required"), default=True)
    question = models.CharField(_("question on the phone"), max_length=200, blank=True)
    question_zh = models.CharField(_("Chinese question"), max_length=200, blank=True)
    last_digits = models.PositiveSmallIntegerField(
        _("ask for the last digits"), null=True, blank=True
    )
    position = models.PositiveIntegerField(_("order"), default=0)

    class Meta:
        verbose_name = _("sign-up field")
        verbose_name_plural = _("sign-up fields")
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["activity", "name"], name="activity_field_once"
            )
        ]

    def __str__(self) -> str:
        return (get_language() or "").startswith("zh") and self.label_zh or self.label


class SignUp(models.Model):
    """A customer's participation in an activity.

    `pending -> verified | intercepted | unsure | unverified`. An intercepted one is an
    abnormal user: its participation is stopped (D7). Not reached is never abnormal.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("to be called")
        VERIFIED = "verified", _("verified")
        INTERCEPTED = "intercepted", _("stopped")
        UNSURE = "unsure", _("unsure: for a person to decide")
        UNVERIFIED = "unverified", _("not reached")

    activity = models.ForeignKey(
        Activity,
        on_delete=models.PROTECT,
        related_name="sign_ups",
        verbose_name=_("activity"),
    )
    customer = models.ForeignKey(
        Customer,
        on_delete=models.PROTECT,
        related_name="sign_ups",
        verbose_name=_("customer"),
    )
    message = models.ForeignKey(
        Message,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="sign_ups",
        verbose_name=_("SMS id"),
    )
    answers = EncryptedField(
        "text", verbose_name=_("answers")
    )  # a JSON object of strings
    language = models.CharField(_("language"), max_length=10)
    status = models.CharField(
        _("status"), max_length=11, choices=Status.choices, default=Status.PENDING
    )
    # Signals beside the call (D8): keyed hashes, so that equal ones can be counted.
    ip_index = models.BinaryField(max_length=16, null=True)
    device_index = models.BinaryField(max_length=16, null=True)
    # Counts by signal, see campaigns/risk.py: shown beside the verdict, deciding nothing.
    risk = models.JSONField(_("risk signals"), default=dict)
    created_at = models.DateTimeField(_("signed up"))
    decided_at = models.DateTimeField(_("decided"), null=True)
    stopped_at = models.DateTimeField(_("stopped"), null=True)

    class Meta:
        verbose_name = _("sign-up")
        verbose_name_plural = _("sign-ups")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["activity", "customer"], name="sign_up_once"
            )
        ]
        indexes = [
            models.Index(fields=["ip_index"], name="sign_up_ip"),
            models.Index(fields=["device_index"], name="sign_up_device"),
            # the sweep: those that still wait for a verification
            models.Index(
                fields=["id"],
                condition=models.Q(status="pending"),
                name="sign_up_pending",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class Verification(models.Model):
    """The question to a sign-up, the calls that asked it, what was heard, the verdict (D3-D7)."""

    class Verdict(models.TextChoices):
        PENDING = "pending", _("pending")
        MATCH = "match", _("match")
        MISMATCH = "mismatch", _("no match")
        UNSURE = "unsure", _("unsure")
        UNREACHED = "unreached", _("not reached")

    sign_up = models.OneToOneField(
        SignUp,
        on_delete=models.CASCADE,
        related_name="verification",
        verbose_name=_("sign-up"),
    )
    question = EncryptedField("text", verbose_name=_("question"))
    expected = EncryptedField("text", verbose_name=_("expected answer"))
    kind = models.CharField(
        _("kind of answer"), max_length=6, choices=ActivityField.Kind.choices
    )
    heard = EncryptedField("text", verbose_name=_("heard"), default="")
    verdict = models.CharField(
        _("verdict"), max_length=9, choices=Verdict.choices, default=Verdict.PENDING
    )
    score = models.FloatField(_("score"), null=True)
    reason = models.CharField(_("reason"), max_length=120, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(
        pgettext_lazy("number", "calls"), default=0
    )
    # The call under way or the last one; a verdict is taken from a call only once.
    call = models.OneToOneField(
        Call,
        on_delete=models.SET_NULL,
        null=True,
        verbose_name=_("call"),
        related_name="verification",
    )
    overruled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        verbose_name=_("decided by"),
    )

    class Meta:
        verbose_name = _("verification")
        verbose_name_plural = _("verifications")
        indexes = [
            # the sweep: those that still wait for their call
            models.Index(
                fields=["id"],
                condition=models.Q(verdict="pending"),
                name="verification_pending",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()}"
