from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from backoffice.platform.models import Parameter
from customers.models import BusinessType
from messaging.rendering import RENDERER_VERSION, Compiled, compile_template, fields_of


class MessageType(models.Model):
    """What an SMS is for: one of the six of A3, a marketing message, or one staff added."""

    class Purpose(models.TextChoices):
        SERVICE = "service", _("Service notice")
        MARKETING = "marketing", _("Marketing")

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    name_zh = models.CharField(_("Chinese name"), max_length=80, blank=True)
    purpose = models.CharField(_("purpose"), max_length=10, choices=Purpose.choices)
    business_type = models.ForeignKey(
        BusinessType,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        verbose_name=_("business type"),
    )
    valid_hours = models.PositiveIntegerField(
        _("valid for (hours)"),
        default=24,
        help_text=_("Not sent any more after this time."),
    )

    class Meta:
        verbose_name = _("message type")
        verbose_name_plural = _("message types")
        ordering = ["code"]

    def __str__(self) -> str:
        return (get_language() or "").startswith("zh") and self.name_zh or self.name

    @property
    def is_marketing(self) -> bool:
        return self.purpose == self.Purpose.MARKETING

    @property
    def lane(self) -> str:
        return "marketing" if self.is_marketing else "service"

    def footer(self, language: str) -> str:
        """How to refuse, set after each marketing text; nothing after a notice."""
        words: dict[str, str] = Parameter.read("marketing_footer")
        return words.get(language, "") if self.is_marketing else ""

    def give_default_fields(self) -> None:
        """The fields that every SMS of its purpose can be filled with."""
        names = MARKETING_FIELDS if self.is_marketing else SERVICE_FIELDS
        TypeField.objects.bulk_create(
            TypeField(message_type=self, name=name, kind=kind)
            for name, kind in names.items()
        )


class TypeField(models.Model):
    """A field that the texts of a type may name; a text with another is not saved (A4)."""

    class Kind(models.TextChoices):
        TEXT = "text", _("Text")
        NUMBER = "number", _("Number")
        MONEY = "money", _("Amount of money")
        DATE = "date", _("Date")
        LINK = "link", _("Link")

    message_type = models.ForeignKey(
        MessageType,
        on_delete=models.CASCADE,
        related_name="type_fields",
        verbose_name=_("message type"),
    )
    name = models.CharField(_("name"), max_length=40)
    kind = models.CharField(
        _("kind"), max_length=6, choices=Kind.choices, default=Kind.TEXT
    )
    sample = models.CharField(
        _("sample"),
        max_length=80,
        blank=True,
        help_text=_("Stands in previews where no customer has a value."),
    )

    class Meta:
        verbose_name = _("field of a type")
        verbose_name_plural = _("fields of a type")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["message_type", "name"], name="type_field_once"
            )
        ]

    def __str__(self) -> str:
        return self.name


SERVICE_FIELDS = {
    "name": TypeField.Kind.TEXT,
    "amount": TypeField.Kind.MONEY,
    "due_on": TypeField.Kind.DATE,
    "send_on": TypeField.Kind.DATE,
}
MARKETING_FIELDS = {
    "name": TypeField.Kind.TEXT,
    "customer_number": TypeField.Kind.TEXT,
    "link": TypeField.Kind.LINK,
}


class Keyword(models.Model):
    """A word that, found in a notice, decides its type (A2)."""

    message_type = models.ForeignKey(
        MessageType,
        on_delete=models.CASCADE,
        related_name="keywords",
        verbose_name=_("message type"),
    )
    word = models.CharField(_("word"), max_length=60, unique=True)

    class Meta:
        verbose_name = _("keyword")
        verbose_name_plural = _("keywords")
        ordering = ["word"]

    def __str__(self) -> str:
        return self.word


class Template(models.Model):
    """A text for a message type in a language. The text itself is in its versions."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    message_type = models.ForeignKey(
        MessageType,
        on_delete=models.PROTECT,
        related_name="templates",
        verbose_name=_("message type"),
    )
    language = models.CharField(
        _("language"), max_length=10, choices=settings.LANGUAGES
    )
    is_default = models.BooleanField(
        _("used for notices of this type"),
        default=True,
        help_text=_("At most one template of a type and language."),
    )

    class Meta:
        verbose_name = _("template")
        verbose_name_plural = _("templates")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["message_type", "language"],
                condition=models.Q(is_default=True),
                name="one_default_template",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def current(self) -> TemplateVersion | None:
        """The newest published version: what is sent from now on."""
        return (
            self.versions.filter(published_at__isnull=False)
            .order_by("-version")
            .first()
        )

    @transaction.atomic
    def draft(self, text: str, *, by: Any = None) -> TemplateVersion:
        """Make a text the next version, not sent yet: a provider may have to approve it.

        Raises BadTemplate for a text that cannot be filled.
        """
        fields_of(text)
        newest = self.versions.order_by("-version").first()
        return TemplateVersion.objects.create(
            template=self,
            version=newest.version + 1 if newest else 1,
            text=text,
            footer=self.message_type.footer(self.language),
            created_by=by,
        )

    @transaction.atomic
    def publish(self, text: str, *, by: Any = None, now: datetime) -> TemplateVersion:
        """Make a text the next version, sent from now on. Raises BadTemplate."""
        version = self.draft(text, by=by)
        version.publish(now=now)
        return version


class TemplateVersion(models.Model):
    """A text that was or is sent. Never changed: messages point at it.

    Footer and renderer are those of the day it was written, so that a message is the
    same bytes years later, whatever the house's footer is then.
    """

    template = models.ForeignKey(
        Template,
        on_delete=models.PROTECT,
        related_name="versions",
        verbose_name=_("template"),
    )
    version = models.PositiveIntegerField(_("version"))
    text = models.TextField(_("text"), max_length=1000)
    footer = models.CharField(_("footer"), max_length=60, blank=True, default="")
    renderer = models.PositiveSmallIntegerField(default=RENDERER_VERSION)
    published_at = models.DateTimeField(_("published"), null=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        verbose_name=_("by"),
    )

    class Meta:
        verbose_name = _("template version")
        verbose_name_plural = _("template versions")
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["template", "version"], name="template_version_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.template.name} v{self.version}"

    @property
    def fields(self) -> tuple[str, ...]:
        return fields_of(self.text)

    @property
    def is_overtaken(self) -> bool:
        """Whether a newer version is sent already."""
        newer = TemplateVersion.objects.filter(
            template=self.template_id, version__gt=self.version
        )
        return newer.filter(published_at__isnull=False).exists()

    def publish(self, *, now: datetime) -> bool:
        """Send it from now on; false where it was published before."""
        drafts = TemplateVersion.objects.filter(pk=self.pk, published_at__isnull=True)
        self.published_at = now
        return drafts.update(published_at=now) == 1

    def compiled(self, signature: str) -> Compiled:
        """Ready for millions of texts under a signature, by its own renderer."""
        return compile_template(
            self.text,
            signature=signature,
            footer=self.footer,
            version=self.renderer,
        )


def normal_word(word: str) -> str:
    """A keyword as it is compared: full width folded, case dropped."""
    return unicodedata.normalize("NFKC", word).strip().casefold()
