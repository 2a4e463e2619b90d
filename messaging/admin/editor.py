"""The editor of templates: write, look at it on a customer's phone, publish.

It works by buttons; `editor.js` asks for the same panel while somebody writes.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from backoffice.platform.reveal import PERMISSION
from messaging.fields import known_fields
from messaging.models import MessageType, Template, TemplateVersion
from messaging.proof import Draft, stops

from .looking import ASKS, Look

TEXT = forms.CharField(
    label=gettext_lazy("Text"),
    max_length=1000,
    widget=forms.Textarea(attrs={"rows": 6}),
    help_text=gettext_lazy(
        "Fields stand in braces. Signature and footer are set by themselves."
    ),
)


class VersionForm(forms.Form):
    """The next text of a template whose type and language stay."""

    text = TEXT

    def __init__(self, *args: Any, template: Template, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.template = template

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"]
        draft = Draft(text, self.template.language, self.template.message_type)
        if found := stops(draft):
            raise forms.ValidationError(found)
        return text

    def save(self) -> Template:
        return self.template


class NewTemplateForm(forms.ModelForm):  # type: ignore[type-arg]
    """A template is made together with its first version."""

    text = TEXT

    class Meta:
        model = Template
        fields = ("name", "message_type", "language", "is_default")

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if {"text", "language", "message_type"} <= data.keys():
            draft = Draft(data["text"], data["language"], data["message_type"])
            for found in stops(draft):
                self.add_error("text", found)
        return data


class EditorViews:
    """Mixed into the admin of templates."""

    def get_urls(self) -> list[URLPattern]:
        mine: Any = self
        view = mine.admin_site.admin_view
        name = "messaging_template_new_version"
        publish = "messaging_template_publish"
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        return [
            path("proof/", view(self.proof_view), name="messaging_template_proof"),
            path("<int:object_id>/new-version/", view(self.version_view), name=name),
            path("publish/<int:version_id>/", view(self.publish_view), name=publish),
            *urls,
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        mine: Any = self
        if not mine.has_add_permission(request):
            raise PermissionDenied
        form = NewTemplateForm(request.POST or None, initial=_first_choice())
        return self._edit(request, form, None)

    def version_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The next version of a template; earlier ones stay."""
        mine: Any = self
        template = get_object_or_404(Template, pk=object_id)
        if not mine.has_change_permission(request, template):
            raise PermissionDenied
        newest = template.versions.first()
        initial = {"text": newest.text if newest else ""}
        form = VersionForm(request.POST or None, initial=initial, template=template)
        return self._edit(request, form, template)

    def proof_view(self, request: HttpRequest) -> HttpResponse:
        """The panel beside the text, for a text that is being written."""
        mine: Any = self
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not (
            mine.has_add_permission(request) or mine.has_change_permission(request)
        ):
            raise PermissionDenied
        template = Template.objects.filter(pk=_number(request.POST.get("template")))
        context = _panel(request, _draft(request.POST, template.first()))
        return TemplateResponse(request, "admin/messaging/proof.html", context)

    def publish_view(self, request: HttpRequest, version_id: int) -> HttpResponse:
        """Send a version that was kept back from now on."""
        mine: Any = self
        version = get_object_or_404(TemplateVersion, pk=version_id)
        if not mine.has_change_permission(request, version.template):
            raise PermissionDenied
        if request.method == "POST" and version.publish(now=timezone.now()):
            messages.success(request, _("Published as version %d.") % version.version)
        return redirect("admin:messaging_template_change", version.template_id)

    def _edit(
        self, request: HttpRequest, form: Any, template: Template | None
    ) -> HttpResponse:
        is_asked = any(name in request.POST for name in ASKS)
        if request.method == "POST" and not is_asked and form.is_valid():
            return self._keep(request, form)
        values = request.POST.copy()
        draft = _draft(values or form.initial, template)
        panel = _panel(request, draft)
        if is_asked:
            # Nobody is blamed for a text that is not ready yet: the panel says it.
            draft, form = _followed(request, form, draft, panel)
            panel = _panel(request, draft) if "replace" in request.POST else panel
        return self._page(request, form, template, panel)

    def _keep(self, request: HttpRequest, form: Any) -> HttpResponse:
        template: Template = form.save()
        text = form.cleaned_data["text"]
        if "draft" in request.POST:
            version = template.draft(text, by=request.user)
            said = _("Kept as version %d, not published yet.")
        else:
            version = template.publish(text, by=request.user, now=timezone.now())
            said = _("Published as version %d.")
        messages.success(request, said % version.version)
        return redirect("admin:messaging_template_change", template.pk)

    def _page(
        self,
        request: HttpRequest,
        form: Any,
        template: Template | None,
        panel: dict[str, Any],
    ) -> HttpResponse:
        mine: Any = self
        title = _("New version of %s") % template if template else _("New template")
        back = reverse("admin:messaging_template_changelist")
        if template:
            back = reverse("admin:messaging_template_change", args=[template.pk])
        context = {
            **mine.admin_site.each_context(request),
            **panel,
            "title": title,
            "opts": mine.opts,
            "original": template,
            "form": form,
            "media": mine.media,
            "back": back,
        }
        return TemplateResponse(request, "admin/messaging/editor.html", context)


def _first_choice() -> dict[str, Any]:
    kind = MessageType.objects.first()
    language = "zh-hans" if (get_language() or "").startswith("zh") else "en"
    return {"message_type": kind.pk if kind else None, "language": language, "text": ""}


def _draft(values: Any, template: Template | None) -> Draft | None:
    """The text as it stands; None while its type or language is not chosen."""
    text = values.get("text") or ""
    if template:
        return Draft(text, template.language, template.message_type)
    kind = MessageType.objects.filter(pk=_number(values.get("message_type"))).first()
    language = values.get("language") or ""
    return Draft(text, language, kind) if kind and language else None


def _number(value: Any) -> int:
    """0, which no row and no customer has, for what is no number."""
    return int(value) if str(value or "").isdecimal() else 0


def _panel(request: HttpRequest, draft: Draft | None) -> dict[str, Any]:
    look = Look.of(request, draft.language if draft else "")
    return {
        "look": look,
        "draft": draft,
        "proof": look.proof(draft) if draft and draft.text.strip() else None,
        "known": _known(draft),
        "may_reveal": request.user.has_perm(PERMISSION),
    }


def _known(draft: Draft | None) -> list[str]:
    return [*known_fields(draft.kind)] if draft else []


def _followed(
    request: HttpRequest, form: Any, draft: Draft | None, panel: dict[str, Any]
) -> tuple[Draft | None, Any]:
    """The form as it was sent, unbound; with the advice followed that was clicked."""
    values = {name: request.POST.get(name, "") for name in form.fields}
    place = request.POST.get("replace", "")
    found = panel["proof"].advice if panel["proof"] else ()
    if draft and place and _number(place) < len(found):
        values["text"] = found[_number(place)].followed(draft.text)
        draft = Draft(values["text"], draft.language, draft.kind)
    return draft, _unbound(form, values)


def _unbound(form: Any, values: dict[str, str]) -> Any:
    more = {"template": form.template} if isinstance(form, VersionForm) else {}
    return type(form)(initial=values, **more)
