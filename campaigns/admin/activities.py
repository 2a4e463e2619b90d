"""Activities as staff set them up: fields and questions, labels, call templates (D1-D4)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone, translation
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import HouseAdmin
from backoffice.kit.words import listed
from campaigns.forms import SignUpForm
from campaigns.models import Activity, ActivityField, CallTemplate, SignUp
from campaigns.views import page_context
from messaging.rendering import BadTemplate, compile_template

SCRIPT_FIELDS = ("question", "activity")


class CallTemplateForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = CallTemplate
        fields = ("name", "language", "text")

    def clean_text(self) -> str:
        """A script asks the question and can never hold the answer (D4)."""
        text: str = self.cleaned_data["text"]
        try:
            fields = compile_template(text, known=SCRIPT_FIELDS).fields
        except BadTemplate as error:
            raise ValidationError(str(error)) from None
        if "question" not in fields:
            raise ValidationError(_("The script must hold {question}."))
        return text


@admin.register(CallTemplate)
class CallTemplateAdmin(HouseAdmin):
    form = CallTemplateForm
    list_display = ("name", "language", "text")
    list_filter = ("language",)

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and db_field.name == "text":
            field.help_text = _(
                "{question} is the question from the sign-up, {activity} the activity's name. The answer is never spoken."
            )
        return field


class ActivityFieldInline(admin.StackedInline):  # type: ignore[type-arg]
    model = ActivityField
    extra = 0
    fieldsets = (
        (None, {"fields": (("label", "label_zh"), ("name", "kind", "is_required"))}),
        (
            gettext_lazy("Asked on the phone"),
            {"fields": (("question", "question_zh"), ("last_digits", "position"))},
        ),
    )
    prepopulated_fields = {"name": ("label",)}


class ActivityForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Activity
        fields = "__all__"  # noqa: DJ007  the fieldsets name them

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        starts, ends = cleaned.get("starts_at"), cleaned.get("ends_at")
        if starts and ends and ends <= starts:
            self.add_error("ends_at", _("The end must be later than the start."))
        templates = cleaned.get("call_templates") or []
        languages = [template.language for template in templates]
        if len(languages) > len(set(languages)):
            self.add_error("call_templates", _("Choose one template of each language."))
        return cleaned


@admin.register(Activity)
class ActivityAdmin(HouseAdmin):
    form = ActivityForm
    inlines = (ActivityFieldInline,)
    change_form_template = "admin/campaigns/activity/change_form.html"
    list_display = (
        "__str__",
        "starts_at",
        "ends_at",
        "is_open",
        "for_labels",
        "signed_up",
        "verified",
        "stopped",
    )
    list_filter = ("labels", "business_type")
    search_fields = ("name", "name_zh", "slug")
    prepopulated_fields = {"slug": ("name",)}
    filter_horizontal = ("labels", "call_templates")
    readonly_fields = ("public_address",)
    fieldsets = (
        (None, {"fields": (("name", "name_zh"), ("slug", "public_address"))}),
        (
            gettext_lazy("What people read"),
            {"fields": (("description", "description_zh"),)},
        ),
        (
            gettext_lazy("For whom and when"),
            {"fields": ("labels", ("starts_at", "ends_at"), "business_type")},
        ),
        (gettext_lazy("The call"), {"fields": ("call_templates",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Activity]:
        rows: QuerySet[Activity] = super().get_queryset(request)
        return rows.prefetch_related("labels").annotate(
            signed_up=_sign_ups(),
            verified=_sign_ups(SignUp.Status.VERIFIED),
            stopped=_sign_ups(SignUp.Status.INTERCEPTED),
        )

    @admin.display(description=gettext_lazy("open"), boolean=True)
    def is_open(self, activity: Activity) -> bool:
        return activity.starts_at <= timezone.now() < activity.ends_at

    @admin.display(description=gettext_lazy("for customers labelled"))
    def for_labels(self, activity: Activity) -> str:
        return listed(activity.labels.all())

    @admin.display(description=gettext_lazy("signed up"), ordering="signed_up")
    def signed_up(self, activity: Any) -> str:
        return _listed(activity, "", activity.signed_up)

    @admin.display(description=gettext_lazy("verified"), ordering="verified")
    def verified(self, activity: Any) -> str:
        return _listed(activity, SignUp.Status.VERIFIED, activity.verified)

    @admin.display(description=gettext_lazy("stopped"), ordering="stopped")
    def stopped(self, activity: Any) -> str:
        return _listed(activity, SignUp.Status.INTERCEPTED, activity.stopped)

    @admin.display(description=gettext_lazy("page"))
    def public_address(self, activity: Activity) -> str:
        return activity.slug and f"/a/{activity.slug}/"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview_view)
        mine = path("<int:pk>/preview/", view, name="campaigns_activity_preview")
        return [mine, *super().get_urls()]

    def preview_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The sign-up page as it looks on a phone, in every language."""
        activity = get_object_or_404(self.get_queryset(request), pk=pk)
        if not self.has_view_permission(request, activity):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": _("Preview: %s") % activity,
            "opts": self.opts,
            "original": activity,
            "pages": [
                (code, name, preview(activity, code))
                for code, name in page_context(activity, "en", page="sign_up")[
                    "languages"
                ]
            ],
        }
        return TemplateResponse(
            request, "admin/campaigns/activity/preview.html", context
        )


def preview(activity: Activity, language: str) -> str:
    """The HTML of the sign-up page in a language; it submits nothing."""
    with translation.override(language):
        form = SignUpForm(activity)
        context = page_context(activity, language, page="sign_up", form=form)
        return render_to_string("campaigns/sign_up.html", context)


def _sign_ups(status: str | None = None) -> Count:
    # One condition a count: the labels of the same query must not multiply them.
    only = Q(sign_ups__status=status) if status else None
    return Count("sign_ups", filter=only, distinct=True)


def _listed(activity: Activity, status: str, count: int) -> str:
    address = reverse("admin:campaigns_signup_changelist")
    query = f"?activity__id__exact={activity.pk}"
    if status:
        query += f"&status__exact={status}"
    return format_html('<a href="{}{}">{}</a>', address, query, count)
