from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import HouseAdmin
from messaging.models import Template, TemplateVersion
from messaging.preview import Preview, check_signature_free, preview

HELP = gettext_lazy(
    "Fields stand in braces: {name}, {amount}, {due_on}, {send_on}, or an attribute of "
    "the customer. The signature is set before the text by itself."
)


def checked_text(text: str) -> str:
    """A template's text. Raises ValidationError that says where it is wrong."""
    try:
        check_signature_free(text)
        preview(text, language="en")
    except ValueError as error:  # BadTemplate is one
        raise forms.ValidationError(str(error)) from None
    return text


class TextForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("Text"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 5, "cols": 80}),
        help_text=HELP,
    )

    def clean_text(self) -> str:
        return checked_text(self.cleaned_data["text"])


class TemplateForm(forms.ModelForm):  # type: ignore[type-arg]
    """A template is made together with its first version."""

    text = TextForm.base_fields["text"]

    class Meta:
        model = Template
        fields = ("name", "message_type", "language", "is_default")

    def clean_text(self) -> str:
        return checked_text(self.cleaned_data["text"])


class VersionInline(admin.TabularInline):  # type: ignore[type-arg]
    model = TemplateVersion
    fields = ("version", "text", "field_names", "published_at", "created_by")
    readonly_fields = fields
    extra = 0
    can_delete = False
    verbose_name_plural = gettext_lazy("Versions, newest first")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("fields"))
    def field_names(self, row: TemplateVersion) -> str:
        return ", ".join(row.fields)


@admin.register(Template)
class TemplateAdmin(HouseAdmin):
    list_display = ("name", "message_type", "language", "is_default", "current_text")
    list_filter = ("message_type", "language", "is_default")
    list_select_related = ("message_type",)
    search_fields = ("name", "versions__text")

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is None:
            kwargs["form"] = TemplateForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        own = ("name", "message_type", "language", "is_default")
        return (*own, "new_version") if obj else (*own, "text")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # A version was written for a type and a language: both stay.
        return ("message_type", "language", "new_version") if obj else ()

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return (VersionInline,) if obj else ()

    def save_model(
        self, request: HttpRequest, obj: Template, form: Any, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            obj.publish(form.cleaned_data["text"], by=request.user, now=timezone.now())

    @admin.display(description=gettext_lazy("text"))
    def current_text(self, row: Template) -> str:
        current = row.current
        return f"v{current.version}: {current.text}" if current else ""

    @admin.display(description=gettext_lazy("new version"))
    def new_version(self, row: Template) -> str:
        url = reverse("admin:messaging_template_new_version", args=[row.pk])
        return format_html('<a href="{}">{}</a>', url, _("Write a new version"))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.new_version_view)
        name = "messaging_template_new_version"
        return [
            path("<int:object_id>/new-version/", view, name=name),
            *super().get_urls(),
        ]

    def new_version_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Write, look at it filled and counted, publish. Earlier versions stay."""
        template = get_object_or_404(Template, pk=object_id)
        if not self.has_change_permission(request, template):
            raise PermissionDenied
        current = template.current
        initial = {"text": current.text if current else ""}
        form = TextForm(request.POST or None, initial=initial)
        if not form.is_valid():
            return self._version_page(request, template, form, None)
        text = form.cleaned_data["text"]
        if "publish" not in request.POST:
            shown = preview(text, language=template.language)
            return self._version_page(request, template, form, shown)
        version = template.publish(text, by=request.user, now=timezone.now())
        messages.success(request, _("Published as version %d.") % version.version)
        return HttpResponseRedirect(
            reverse("admin:messaging_template_change", args=[template.pk])
        )

    def _version_page(
        self,
        request: HttpRequest,
        template: Template,
        form: TextForm,
        shown: Preview | None,
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("New version of %s") % template,
            "opts": self.opts,
            "original": template,
            "form": form,
            "preview": shown,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/messaging/new_version.html", context)
