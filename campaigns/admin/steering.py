"""The steps of a running push: pause, resume, cancel, each asked and given a reason."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice.kit.admin import ReadOnlyAdmin, confirm, confirmed
from campaigns import steering
from campaigns.models import Push
from campaigns.pushes import progress
from messaging.admin.stops import ReasonForm
from messaging.models import Stop

MAY_STEER = "campaigns.steer_push"


class SteeringAdmin(ReadOnlyAdmin):
    """Adds the steps to the push's page; who may not steer sees none of them."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.step_view)
        name = "campaigns_push_step"
        steps = path("<int:push_id>/<slug:step>-push/", view, name=name)
        return [steps, *super().get_urls()]

    def steps(self, request: HttpRequest, push: Push) -> list[tuple[str, str]]:
        """(words, address) of what may be done with the push now."""
        if push.status not in Push.RUNNING or not request.user.has_perm(MAY_STEER):
            return []
        paused = Stop.objects.filter(target=push.origin).exists()
        names = ("resume" if paused else "pause", "cancel")
        return [(_words()[name], _address(push, name)) for name in names]

    def step_view(self, request: HttpRequest, push_id: int, step: str) -> HttpResponse:
        push = get_object_or_404(Push, pk=push_id)
        if not request.user.has_perm(MAY_STEER) or step not in _words():
            raise PermissionDenied
        form = ReasonForm(request.POST if confirmed(request) else None)
        if not form.is_valid():
            return self._ask(request, push, step, form)
        reason = form.cleaned_data["reason"]
        self.message_user(request, _take(push, step, reason=reason, by=request.user))
        return redirect(reverse("admin:campaigns_push_change", args=[push.pk]))

    def _ask(
        self, request: HttpRequest, push: Push, step: str, form: Any
    ) -> HttpResponse:
        words = _words()[step]
        counts = progress(push)
        open_ = counts.get("queued", 0) + counts.get("to_make", 0)
        facts: list[tuple[str, object]] = [
            (_("push"), push),
            (_("SMS not handed over yet"), open_),
        ]
        return confirm(
            self,
            request,
            title=words,
            facts=facts,
            button=words,
            form=form,
            warning=_("These are never sent.") if step == "cancel" else "",
        )


def _words() -> dict[str, str]:
    return {
        "pause": _("Pause"),
        "resume": _("Resume"),
        "cancel": _("Cancel the rest"),
    }


def _address(push: Push, step: str) -> str:
    return reverse("admin:campaigns_push_step", args=[push.pk, step])


def _take(push: Push, step: str, *, reason: str, by: Any) -> str:
    """Take a step; says what came of it."""
    now = timezone.now()
    if step == "resume":
        steering.resume(push, reason=reason, by=by)
        return _("Sending goes on.")
    if step == "pause":
        steering.pause(push, reason=reason, by=by, now=now)
        return _("Paused. What a provider has already is finished.")
    if steering.cancel(push, reason=reason, by=by, now=now):
        return _("Cancelled. What a provider has already is finished.")
    return _("The push is over already.")
