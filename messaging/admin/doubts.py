"""SMS in doubt for more than a day: staff find out, and say what became of them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import HousePaginator, confirm, confirmed
from backoffice.platform.reveal import ReasonForm, RevealMixin
from messaging.doubts import ask_again, mark
from messaging.models import Doubt, Message

from .messages import life_link
from .selection import ActedOnAdmin, again, chosen

Status = Message.Status


@admin.register(Doubt)
class DoubtAdmin(RevealMixin, ActedOnAdmin):
    revealed = ("phone",)
    paginator = HousePaginator
    list_display = (
        "fenced_at",
        "sms",
        "masked_phone",
        "message_type",
        "account",
        "expires_at",
    )
    list_display_links = None
    list_filter = ("account", "is_marketing")
    list_select_related = ("template_version__template__message_type", "account")
    ordering = ("-id",)
    actions = ("ask_provider", "mark_sent", "mark_failed")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Doubt]:
        rows: Any = super().get_queryset(request)
        return rows.open().defer("parameters")  # type: ignore[no-any-return]

    @admin.display(description=gettext_lazy("SMS id"))
    def sms(self, row: Doubt) -> str:
        return life_link(row.pk)

    @admin.display(description=gettext_lazy("phone"))
    def masked_phone(self, row: Doubt) -> str:
        return row.masked_phone

    @admin.display(description=gettext_lazy("type"))
    def message_type(self, row: Doubt) -> str:
        return str(row.template_version.template.message_type)

    @admin.action(
        description=gettext_lazy("Ask the provider again"), permissions=["change"]
    )
    def ask_provider(self, request: HttpRequest, rows: QuerySet[Doubt]) -> None:
        found = ask_again(rows, by=request.user, now=timezone.now())
        words = _(
            "%(settled)d are settled, %(missing)d are not known to the provider, "
            "%(silent)d brought no answer."
        )
        numbers = {
            "settled": found.settled,
            "missing": found.unknown_there,
            "silent": found.silent,
        }
        messages.info(request, words % numbers)

    @admin.action(
        description=gettext_lazy("The provider sent them"), permissions=["change"]
    )
    def mark_sent(
        self, request: HttpRequest, rows: QuerySet[Doubt]
    ) -> HttpResponse | None:
        return self._mark(request, rows, Status.SENT)

    @admin.action(
        description=gettext_lazy("The provider did not send them"),
        permissions=["change"],
    )
    def mark_failed(
        self, request: HttpRequest, rows: QuerySet[Doubt]
    ) -> HttpResponse | None:
        return self._mark(request, rows, Status.FAILED)

    def _mark(
        self, request: HttpRequest, rows: QuerySet[Doubt], status: int
    ) -> HttpResponse | None:
        rows = chosen(request, rows)
        form = ReasonForm(request.POST if confirmed(request) else None)
        if form.is_valid():
            reason = form.cleaned_data["reason"]
            count = mark(
                rows, status, by=request.user, reason=reason, now=timezone.now()
            )
            messages.success(request, _("%d SMS are no longer in doubt.") % count)
            return None
        is_sent = status == Status.SENT
        return confirm(
            self,
            request,
            title=_("Mark as sent") if is_sent else _("Mark as failed"),
            facts=[(_("SMS in doubt"), rows.count())],
            button=_("Mark"),
            fields=again("mark_sent" if is_sent else "mark_failed", rows),
            form=form,
            warning=_(
                "They are not sent again, unless you do it among the failed numbers."
            )
            if not is_sent
            else "",
        )
