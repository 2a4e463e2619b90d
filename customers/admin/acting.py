"""Facts that staff act on without editing them, with a page before the effect."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from backoffice.kit.admin import ReadOnlyAdmin, confirm, confirmed


class ActingAdmin(ReadOnlyAdmin):
    """Rows are read-only; who has the model's change permission may use its actions."""

    def may_act(self, request: HttpRequest) -> bool:
        name = f"{self.opts.app_label}.change_{self.opts.model_name}"
        return bool(request.user.has_perm(name))

    def has_act_permission(self, request: HttpRequest) -> bool:
        """For `@admin.action(permissions=["act"])`."""
        return self.may_act(request)

    def ask(
        self,
        request: HttpRequest,
        rows: QuerySet[Any],
        *,
        title: str,
        warning: str = "",
    ) -> HttpResponse | None:
        """The confirmation page of an action over rows; None once it was confirmed."""
        if not self.may_act(request):
            raise PermissionDenied
        if confirmed(request):
            return None
        return confirm(
            self,
            request,
            title=title,
            facts=[(_("rows chosen"), rows.count())],
            button=title,
            form=_same_choice(request, rows),
            warning=warning,
        )


def _same_choice(request: HttpRequest, rows: QuerySet[Any]) -> forms.Form:
    """Hidden fields that bring the same action on the same rows back."""
    # All of the list: by their ids they would be more fields than a request may have.
    everything = request.POST.get("select_across") == "1"
    ids = rows.order_by().values_list("pk", flat=True)
    form = forms.Form(
        initial={
            "action": request.POST["action"],
            "select_across": int(everything),
            ACTION_CHECKBOX_NAME: list(ids[:1] if everything else ids),
        }
    )
    for name in ("action", "select_across"):
        form.fields[name] = forms.CharField(widget=forms.HiddenInput)
    form.fields[ACTION_CHECKBOX_NAME] = forms.CharField(
        widget=forms.MultipleHiddenInput
    )
    return form
