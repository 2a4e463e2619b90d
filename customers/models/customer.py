from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from backoffice.kit.crypto import EncryptedField, blind_index
from backoffice.kit.masking import mask_name, mask_phone
from backoffice.kit.phones import prefix7


class CustomerQuerySet(models.QuerySet["Customer"]):
    def with_phone(self, phone: str) -> CustomerQuerySet:
        """Those with exactly this E.164 number: a household may share one."""
        return self.filter(phone_index=blind_index(phone))

    def named(self, name: str) -> CustomerQuerySet:
        return self.filter(name_index=blind_index(name, "name"))

    def ids_by_number(self, source: str, numbers: Iterable[str]) -> dict[str, int]:
        """Customer number -> id, of those that the source knows."""
        known = self.filter(source=source, external_id__in=list(numbers))
        return dict(known.values_list("external_id", "pk"))

    def labelled(self, label_ids: list[int]) -> CustomerQuerySet:
        """Those who hold one of the labels now."""
        return self.filter(
            labels__label__in=label_ids, labels__until__isnull=True
        ).distinct()

    def allowed_to_apply(self, now: datetime) -> CustomerQuerySet:
        """Those in no no-apply interval at `now` (B6)."""
        current = models.Q(no_apply__start_at__lte=now, no_apply__end_at__gt=now)
        marked = self.filter(current, no_apply__ended_at__isnull=True)
        return self.exclude(pk__in=marked.values("pk"))


class Customer(models.Model):
    """A person the bank knows, by the id that a source gave them.

    The phone is not unique: households and agents share one.
    """

    source = models.CharField(_("source"), max_length=40, default="manual")
    external_id = models.CharField(_("customer number"), max_length=64)
    name = EncryptedField(
        "name", verbose_name=pgettext_lazy("of a person", "name"), default=""
    )
    name_index = models.BinaryField(max_length=16, editable=False, null=True)
    phone = EncryptedField("phone", verbose_name=_("phone"))
    phone_index = models.BinaryField(max_length=16, editable=False)
    prefix_index = models.BinaryField(max_length=16, editable=False, null=True)
    language = models.CharField(_("language"), max_length=10, default="zh-hans")
    time_zone = models.CharField(_("time zone"), max_length=40, default="Asia/Shanghai")
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(pgettext_lazy("time", "changed"), auto_now=True)

    objects = CustomerQuerySet.as_manager()

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        permissions = [("view_full_phone", _("Can see full phone numbers and names"))]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id"], name="customer_source_id"
            )
        ]
        indexes = [
            models.Index(
                fields=["phone_index"], name="customer_phone"
            ),  # search, replies
            models.Index(fields=["name_index"], name="customer_name"),  # search
            models.Index(fields=["external_id"], name="customer_external"),  # behaviour
        ]

    def __str__(self) -> str:
        return f"{self.source}:{self.external_id}"

    def set_phone(self, phone: str) -> None:
        """Take an E.164 number, with its indexes."""
        for field, value in phone_columns(phone).items():
            setattr(self, field, value)

    def set_name(self, name: str) -> None:
        self.name, self.name_index = name, blind_index(name, "name")

    @property
    def masked_phone(self) -> str:
        return mask_phone(self.phone)

    @property
    def masked_name(self) -> str:
        return mask_name(self.name)


def phone_columns(phone: str) -> dict[str, Any]:
    """What an E.164 number is stored as; the number itself is encrypted on saving."""
    return {
        "phone": phone,
        "phone_index": blind_index(phone),
        "prefix_index": blind_index(prefix7(phone), "prefix"),
    }
