"""The kill switch: what is stopped, by whom and why; stopping and resuming."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from backoffice.kit.admin import HouseAdmin, confirm, confirmed, list_url
from messaging.models import ProviderAccount, Stop
from messaging.models.stop import EVERYTHING, account_target, lane_target
from messaging.stopping import resume, stop


def targets() -> list[tuple[str, str]]:
    """What can be stopped here; a single push is paused on its own page."""
    accounts = ProviderAccount.objects.order_by("channel", "name")
    return [
        (EVERYTHING, _("Everything: every SMS and every call")),
        (lane_target("marketing"), _("All marketing")),
        (lane_target("service"), _("All service notices")),
        *((account_target(one.pk), _("Account “%s”") % one) for one in accounts),
    ]


class StopForm(forms.ModelForm):  # type: ignore[type-arg]
    target = forms.ChoiceField(label=gettext_lazy("What"))

    class Meta:
        model = Stop
        fields = ("target", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["target"]
        choice.choices = [("", "---------"), *targets()]

    def clean_target(self) -> str:
        target: str = self.cleaned_data["target"]
        if Stop.objects.filter(target=target).exists():
            raise forms.ValidationError(_("It is stopped already."))
        return target


class ReasonForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)


@admin.register(Stop)
class StopAdmin(HouseAdmin):
    form = StopForm
    list_display = ("label", "since", "by", "reason")
    list_display_links = None
    list_select_related = ("by",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # by resuming, with a reason

    def may_resume(self, request: HttpRequest) -> bool:
        return request.user.has_perm("messaging.delete_stop")

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        first, *rest = self.list_display
        return (first, *(("resume_link",) if self.may_resume(request) else ()), *rest)

    @admin.display(description="")
    def resume_link(self, row: Stop) -> str:
        url = reverse("admin:messaging_stop_resume", args=[row.pk])
        return format_html('<a href="{}">{}</a>', url, _("Resume"))

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        hidden = ("show_save_and_add_another", "show_save_and_continue")
        context = dict.fromkeys(hidden, False) | {"title": _("What is to be stopped?")}
        return super().add_view(request, form_url, {**(extra_context or {}), **context})

    def save_model(
        self, request: HttpRequest, obj: Stop, form: Any, change: bool
    ) -> None:
        label = dict(targets())[obj.target]
        kept = stop(
            obj.target,
            label=label,
            reason=obj.reason,
            by=request.user,
            now=timezone.now(),
        )
        obj.pk, obj.label = kept.pk, kept.label

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.resume_view)
        own = path("<int:stop_id>/resume/", view, name="messaging_stop_resume")
        return [own, *super().get_urls()]

    def resume_view(self, request: HttpRequest, stop_id: int) -> HttpResponse:
        row = get_object_or_404(Stop, pk=stop_id)
        if not self.may_resume(request):
            raise PermissionDenied
        form = ReasonForm(request.POST if confirmed(request) else None)
        if not form.is_valid():
            return confirm(
                self,
                request,
                title=_("Resume"),
                facts=facts_of(row),
                button=_("Resume"),
                form=form,
            )
        resume(row, reason=form.cleaned_data["reason"], by=request.user)
        self.message_user(request, _("Sending goes on."))
        return redirect(list_url(self))


def facts_of(row: Stop) -> list[tuple[str, object]]:
    return [
        (pgettext("of sending", "stopped"), row.label),
        (_("since"), timezone.localtime(row.since)),
        (_("by"), row.by or "–"),
        (_("reason"), row.reason),
    ]
