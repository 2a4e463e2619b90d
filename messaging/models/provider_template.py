from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from .account import ProviderAccount
from .template import TemplateVersion


class ProviderTemplateQuerySet(models.QuerySet["ProviderTemplate"]):
    def approved(self) -> ProviderTemplateQuerySet:
        return self.filter(state=ProviderTemplate.State.APPROVED)

    def approved_for(self, version_ids: Collection[int]) -> dict[int, set[int]]:
        """Which accounts may send which versions by a template channel: one statement.

        Every version asked for is a key. Text channels need no row here and have none.
        """
        found: dict[int, set[int]] = {pk: set() for pk in version_ids}
        rows = self.approved().filter(version__in=found)
        for version_id, account_id in rows.values_list("version_id", "account_id"):
            found[version_id].add(account_id)
        return found


class ProviderTemplate(models.Model):
    """A template version as a template channel knows it: sign name, code, variables.

    draft -> waiting -> approved | refused; only an approved one is sent. `variables`
    says what each of the provider's variables is filled with, in the provider's order:
    [["1", "name"], ["2", "amount"]].
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("not handed in yet")
        WAITING = "waiting", _("waits for the provider")
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("refused by the provider")

    version = models.ForeignKey(
        TemplateVersion,
        on_delete=models.PROTECT,
        related_name="provider_templates",
        verbose_name=_("template version"),
    )
    account = models.ForeignKey(
        ProviderAccount,
        on_delete=models.PROTECT,
        related_name="provider_templates",
        verbose_name=_("provider account"),
    )
    sign_name = models.CharField(
        _("sign name"),
        max_length=20,
        help_text=_("As the provider approved it, without 【】."),
    )
    code = models.CharField(
        _("template code"),
        max_length=40,
        blank=True,
        help_text=_("The provider's own; it comes with the approval."),
    )
    variables = models.JSONField(_("variables"), default=list, blank=True)
    state = models.CharField(
        _("state"), max_length=8, choices=State.choices, default=State.DRAFT
    )
    reason = models.CharField(
        _("reason"), max_length=200, blank=True, help_text=_("Why it was refused.")
    )
    changed_at = models.DateTimeField(_("state since"), null=True)

    objects = ProviderTemplateQuerySet.as_manager()

    class Meta:
        verbose_name = _("approval by a provider")
        verbose_name_plural = _("approvals by providers")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["version", "account"], name="provider_template_once"
            ),
            # What is sent has a code: the provider would refuse it otherwise.
            models.CheckConstraint(
                condition=~models.Q(state="approved", code=""),
                name="approved_has_a_code",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version}, {self.account}"

    def filled(self, values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        """The provider's variables with their values. Raises KeyError for one not given."""
        return tuple((name, values[field]) for name, field in self.variables)
