from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from .customer import Customer


class Label(models.Model):
    """A group label. Labels of kind `segment` exclude one another: B's three groups."""

    class Kind(models.TextChoices):
        SEGMENT = "segment", _("Segment (one per customer)")
        FREE = "free", _("Free label")

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    name_zh = models.CharField(_("Chinese name"), max_length=80, blank=True)
    kind = models.CharField(
        _("kind"), max_length=8, choices=Kind.choices, default=Kind.FREE
    )

    class Meta:
        verbose_name = _("label")
        verbose_name_plural = _("labels")
        ordering = ["kind", "code"]

    def __str__(self) -> str:
        return (get_language() or "").startswith("zh") and self.name_zh or self.name


class CustomerLabel(models.Model):
    """A label that a customer holds since a time, until another, by a rule or by hand."""

    customer = models.ForeignKey(
        Customer,
        on_delete=models.CASCADE,
        related_name="labels",
        verbose_name=_("customer"),
    )
    label = models.ForeignKey(Label, on_delete=models.PROTECT, verbose_name=_("label"))
    # Copied from the label, so that the database itself can hold "one segment at a time".
    is_segment = models.BooleanField(default=False)
    rule = models.ForeignKey(
        "customers.Rule",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        verbose_name=_("rule"),
    )
    since = models.DateTimeField(_("since"))
    until = models.DateTimeField(_("until"), null=True, blank=True)

    class Meta:
        verbose_name = _("customer label")
        verbose_name_plural = _("customer labels")
        constraints = [
            models.UniqueConstraint(
                fields=["customer"],
                condition=Q(until__isnull=True, is_segment=True),
                name="one_segment_at_a_time",
            ),
            models.UniqueConstraint(
                fields=["customer", "label"],
                condition=Q(until__isnull=True),
                name="label_held_once",
            ),
        ]
        indexes = [
            # audiences: who holds a label now
            models.Index(
                fields=["label", "customer"],
                condition=Q(until__isnull=True),
                name="label_holders",
            )
        ]

    def __str__(self) -> str:
        return str(self.label)


class LabelChange(models.Model):
    """One change of label: when, from, to, by which rule, on which facts, in which run (B8)."""

    customer = models.ForeignKey(
        Customer,
        on_delete=models.CASCADE,
        related_name="label_changes",
        verbose_name=_("customer"),
    )
    at = models.DateTimeField(_("time"))
    from_label = models.ForeignKey(
        Label,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("from"),
    )
    to_label = models.ForeignKey(
        Label,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("to"),
    )
    rule = models.ForeignKey(
        "customers.Rule", on_delete=models.PROTECT, null=True, verbose_name=_("rule")
    )
    rule_version = models.PositiveIntegerField(_("rule version"), null=True)
    facts = models.JSONField(_("facts"), default=dict)
    run = models.ForeignKey(
        "customers.ScreeningRun",
        on_delete=models.PROTECT,
        null=True,
        verbose_name=_("screening run"),
        related_name="changes",
    )

    class Meta:
        verbose_name = _("label change")
        verbose_name_plural = _("label changes")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.from_label or '-'} → {self.to_label or '-'}"
