"""The ledger of files: what was read, how far, what was set aside (C1)."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import ReadOnlyAdmin
from tracking.models import BehaviourFile

Status = BehaviourFile.Status


@admin.register(BehaviourFile)
class BehaviourFileAdmin(ReadOnlyAdmin):
    list_display = (
        "name",
        "source",
        "status",
        "position",
        "record_count",
        "repeated_count",
        "ignored_count",
        "set_aside",
        "found_at",
        "problem",
    )
    list_filter = ("source", "status")
    search_fields = ("name",)
    list_select_related = ("source",)
    actions = ("read_again",)
    exclude = ("modified", "seen_as")

    @admin.display(description=gettext_lazy("set aside"), ordering="quarantined_count")
    def set_aside(self, file: BehaviourFile) -> Any:
        if not file.quarantined_count:
            return 0
        url = reverse(f"{self.admin_site.name}:tracking_quarantinedrow_changelist")
        return format_html(
            '<a href="{}?file__id__exact={}">{}</a>',
            url,
            file.pk,
            file.quarantined_count,
        )

    def has_read_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tracking.change_behaviourfile")

    @admin.action(
        description=gettext_lazy("Read refused files again"), permissions=["read"]
    )
    def read_again(self, request: HttpRequest, files: QuerySet[BehaviourFile]) -> None:
        refused = files.filter(status=Status.REFUSED)
        count = refused.update(status=Status.READING, problem="", done_at=None)
        messages.info(
            request, _("The next scan reads them, from where it stopped: %d.") % count
        )
