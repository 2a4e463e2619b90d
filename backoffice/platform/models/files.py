from __future__ import annotations

import hashlib
import zlib
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from backoffice.kit.crypto import key_ring


class UploadedFile(models.Model):
    """A file that staff gave us, kept compressed and encrypted in the database."""

    KIND = "file"

    name = models.CharField(_("file name"), max_length=200)
    sha256 = models.CharField(max_length=64, db_index=True)  # same file again?
    size = models.PositiveIntegerField(_("size"))
    content = models.BinaryField()
    uploaded_at = models.DateTimeField(_("uploaded"), auto_now_add=True)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        verbose_name=_("uploaded by"),
    )

    class Meta:
        verbose_name = _("uploaded file")
        verbose_name_plural = _("uploaded files")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def keep(cls, name: str, data: bytes, *, by: Any = None) -> UploadedFile:
        return cls.objects.create(
            name=name[:200],
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            content=key_ring().encrypt_bytes(zlib.compress(data), cls.KIND),
            uploaded_by=by,
        )

    def read(self) -> bytes:
        return zlib.decompress(key_ring().decrypt_bytes(self.content, self.KIND))


class ImportMapping(models.Model):
    """A saved column mapping: our field -> the file's column."""

    name = models.CharField(_("name"), max_length=80)
    target = models.CharField(_("imports"), max_length=30)
    columns = models.JSONField(_("columns"), default=dict)
    options = models.JSONField(_("options"), default=dict)

    class Meta:
        verbose_name = _("column mapping")
        verbose_name_plural = _("column mappings")
        constraints = [
            models.UniqueConstraint(fields=["target", "name"], name="mapping_name")
        ]

    def __str__(self) -> str:
        return self.name


class ImportQuerySet(models.QuerySet["Import"]):
    # A share is done in less; nothing goes wrong where two workers are at one.
    LOST_AFTER = timedelta(minutes=5)
    # What fails for so long fails for a reason that waking does not cure.
    TRIED_FOR = timedelta(days=1)

    def standing(self, now: datetime) -> ImportQuerySet:
        """A worker's turn it is, and none has moved it: a wake-up or a worker was lost."""
        lost = Q(moved_at__lt=now - self.LOST_AFTER)
        unchecked = Q(status=Import.Status.UPLOADED, counts={})
        uncommitted = Q(status=Import.Status.COMMITTING)
        of_today = self.filter(created_at__gt=now - self.TRIED_FOR)
        return of_today.filter(lost, unchecked | uncommitted)


class Import(models.Model):
    """One staged import: checked as a whole first, then committed chunk by chunk.

    `uploaded -> checked -> committing -> done`. `cursor` is the number of data rows
    committed, moved in the same transaction as they are: a killed import goes on there.
    """

    class Status(models.TextChoices):
        UPLOADED = "uploaded", _("Uploaded")
        CHECKED = "checked", _("Checked")
        COMMITTING = "committing", _("Importing")
        DONE = "done", _("Imported")
        CANCELLED = "cancelled", _("Cancelled")

    target = models.CharField(_("imports"), max_length=30)
    file = models.ForeignKey(
        UploadedFile, on_delete=models.PROTECT, verbose_name=_("file")
    )
    columns = models.JSONField(_("columns"), default=dict)
    options = models.JSONField(_("options"), default=dict)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.UPLOADED
    )
    counts = models.JSONField(_("counts"), default=dict)
    # The first hundred problems: [{"row": 12, "field": "phone", "error": "..."}].
    errors = models.JSONField(_("problems"), default=list)
    cursor = models.PositiveIntegerField(default=0)
    # When it last moved, or a worker was asked to move it; null: it waits for a person.
    moved_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        verbose_name=_("by"),
    )
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    objects = ImportQuerySet.as_manager()

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.target}: {self.file.name}"
