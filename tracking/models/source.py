from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from backoffice.kit.crypto import EncryptedField
from customers.models import BusinessType


class BehaviourSource(models.Model):
    """Where behaviour records come from: a file server scanned at an interval, or the API (C1)."""

    class Kind(models.TextChoices):
        FILES = "files", _("File server")
        API = "api", _("Partner API")

    name = models.CharField(_("name"), max_length=40, unique=True)
    kind = models.CharField(
        _("kind"), max_length=5, choices=Kind.choices, default=Kind.FILES
    )
    url = models.CharField(
        _("folder"),
        max_length=300,
        blank=True,
        help_text=_("file:///data/in, sftp://host/in, s3://bucket/in"),
    )
    pattern = models.CharField(_("file names"), max_length=80, default="*.csv")
    options = EncryptedField(
        "secret", verbose_name=_("connection options"), default="{}"
    )
    # Our field -> the file's column; and what the file does not say.
    columns = models.JSONField(_("columns"), default=dict, blank=True)
    date_format = models.CharField(
        _("date format"),
        max_length=30,
        blank=True,
        help_text=_("Empty: ISO 8601. %y%m%d for 981205."),
    )
    time_zone = models.CharField(_("time zone"), max_length=40, default="Asia/Shanghai")
    customer_source = models.CharField(
        _("customers of source"), max_length=40, blank=True
    )
    default_type = models.ForeignKey(
        BusinessType,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        verbose_name=_("business type of every record"),
    )
    # Words that say "no business type": such rows are kept out and counted.
    ignored_words = models.JSONField(
        _("words for no business type"), default=list, blank=True
    )
    interval_seconds = models.PositiveIntegerField(
        _("scan every (seconds)"), default=60
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)
    scanned_at = models.DateTimeField(_("last scan"), null=True, editable=False)
    # Who scans holds this; its end gives the source back after a kill.
    leased_until = models.DateTimeField(null=True, editable=False)
    problem = models.CharField(
        _("last problem"), max_length=200, blank=True, default="", editable=False
    )

    class Meta:
        verbose_name = _("behaviour source")
        verbose_name_plural = _("behaviour sources")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class BehaviourFile(models.Model):
    """The ledger of a source: a file by its content, and how far it was read.

    `position` moves in the transaction that writes the records: nothing is read twice,
    nothing is lost. The same content under another name is the same file.
    """

    class Status(models.TextChoices):
        READING = "reading", _("reading")
        DONE = "done", _("read")
        REFUSED = "refused", _("not readable")

    source = models.ForeignKey(
        BehaviourSource,
        on_delete=models.CASCADE,
        related_name="files",
        verbose_name=_("source"),
    )
    name = models.CharField(_("file name"), max_length=300)
    sha256 = models.CharField(max_length=64)
    # How the file server tells a changed file, so that an old one is not opened again.
    size = models.BigIntegerField(_("size"))
    modified = models.CharField(max_length=40, blank=True, default="")
    # The same content under other names or dates, as [name, size, modified].
    seen_as = models.JSONField(_("also seen as"), default=list)
    status = models.CharField(
        _("status"), max_length=8, choices=Status.choices, default=Status.READING
    )
    position = models.PositiveIntegerField(_("rows read"), default=0)
    record_count = models.PositiveIntegerField(_("records"), default=0)
    repeated_count = models.PositiveIntegerField(_("already known"), default=0)
    ignored_count = models.PositiveIntegerField(_("without business type"), default=0)
    quarantined_count = models.PositiveIntegerField(_("set aside"), default=0)
    problem = models.CharField(_("problem"), max_length=200, blank=True, default="")
    found_at = models.DateTimeField(_("found"))
    done_at = models.DateTimeField(_("done"), null=True)

    class Meta:
        verbose_name = _("behaviour file")
        verbose_name_plural = _("behaviour files")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "sha256"], name="file_read_once")
        ]

    def __str__(self) -> str:
        return self.name


class QuarantinedRow(models.Model):
    """A row that could not become a record, with the reason; set aside, not lost."""

    source = models.ForeignKey(
        BehaviourSource, on_delete=models.CASCADE, verbose_name=_("source")
    )
    file = models.ForeignKey(
        BehaviourFile,
        on_delete=models.CASCADE,
        null=True,
        related_name="quarantined",
        verbose_name=_("file"),
    )
    row_number = models.PositiveIntegerField(_("row"))
    row = EncryptedField("text", verbose_name=_("row as read"))
    reason = models.CharField(_("reason"), max_length=200)
    # The unknown business type word, where that is the reason: "add as type" is one click.
    word = models.CharField(_("unknown word"), max_length=80, blank=True, default="")
    at = models.DateTimeField(_("time"))
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)

    class Meta:
        verbose_name = _("quarantined row")
        verbose_name_plural = _("quarantined rows")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["file", "row_number"], name="quarantined_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.row_number}: {_(self.reason)}"


class ReadPosition(models.Model):
    """How far a roll-up has read a table where behaviour lies: the last id taken (X1).

    `waiting` are ids below it that could not be told yet, such as parked receipts.
    """

    name = models.CharField(max_length=40, unique=True)
    position = models.BigIntegerField(default=0)
    waiting = models.JSONField(default=list)

    class Meta:
        verbose_name = _("read position")
        verbose_name_plural = _("read positions")

    def __str__(self) -> str:
        return f"{self.name} {self.position}"
