"""The admin site: apps and lists in the order of the story, today on the index."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.i18n import JavaScriptCatalog

from backoffice import today

# As the story goes: who, what they do, why we write, how, when and who may. Within an
# app first what staff open every day, then what is set once, then the traces.
ORDER = {
    "customers": (
        "Customer Label Rule ScreeningRun LabelChange NoApplyInterval "
        "CompletionRequest Consent Suppression BusinessType CreditSource"
    ),
    "tracking": (
        "UserGroup BehaviourRecord DayRollup BehaviourSource BehaviourFile "
        "QuarantinedRow TrackingRecord Click"
    ),
    "campaigns": (
        "Notice MarketingEvent Push EventType PushStandard Activity SignUp "
        "Verification CallTemplate"
    ),
    "messaging": (
        "Message FailedNumber Doubt InboundMessage Call MessageType Template "
        "ProviderTemplate ForbiddenWord ProviderAccount Stop QuietHours SpecialDay "
        "Submission Receipt CallbackRequest"
    ),
    "platform": (
        "Import UploadedFile ImportMapping Parameter Schedule ScheduleRun "
        "ApiClient AuditEntry"
    ),
    "auth": "User Group",
}
_APPS = {label: place for place, label in enumerate(ORDER)}
_MODELS = {
    (label, name): place
    for label, names in ORDER.items()
    for place, name in enumerate(names.split())
}
LAST = 99


class ScriptTexts(JavaScriptCatalog):
    """The texts of Django's scripts, and ours for what its Chinese lacks."""

    def get_paths(self, packages: list[str]) -> list[Any]:
        return [*super().get_paths(packages), *map(str, settings.LOCALE_PATHS)]


class BackofficeSite(AdminSite):
    site_header = _("Messaging and campaigns")
    site_title = _("Back office")
    index_title = pgettext_lazy("of the first page", "Today")
    site_url = None  # nothing public stands at "/"
    enable_nav_sidebar = True

    def i18n_javascript(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        view = ScriptTexts.as_view(packages=["django.contrib.admin"])
        return view(request)  # type: ignore[return-value]

    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[Any]:
        apps = super().get_app_list(request, app_label)
        for app in apps:
            app["models"].sort(key=lambda model, app=app: _place(app, model))
        return sorted(apps, key=lambda app: _APPS.get(app["app_label"], LAST))

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        context = today.page(request.user)
        return super().index(request, {**context, **(extra_context or {})})


def _place(app: dict[str, Any], model: dict[str, Any]) -> int:
    return _MODELS.get((app["app_label"], model["object_name"]), LAST)
