from __future__ import annotations

from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.text import Truncator, capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import (
    HouseAdmin,
    ReadOnlyAdmin,
    confirm,
    confirmed,
    words_of,
)
from backoffice.platform.models import ApiClient, AuditEntry


class ApiClientForm(forms.ModelForm):  # type: ignore[type-arg]
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("It may"),
        choices=ApiClient.Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    class Meta:
        model = ApiClient
        fields = ("name", "scopes", "is_enabled")

    def clean_name(self) -> str:
        """What a client sends is known by its slug: two must not share one."""
        name: str = self.cleaned_data["name"]
        slug = ApiClient(name=name).slug
        for other in ApiClient.objects.exclude(pk=self.instance.pk):
            if other.slug == slug:
                raise forms.ValidationError(
                    _("Too much like “%s”: their customers would mix. Choose another.")
                    % other
                )
        return name


@admin.register(ApiClient)
class ApiClientAdmin(HouseAdmin):
    form = ApiClientForm
    list_display = ("name", "key_id", "is_enabled", "last_used_at", "created_at")
    list_filter = ("is_enabled",)
    search_fields = ("name", "=key_id")
    readonly_fields = ("key_id", "last_used_at", "created_at")
    change_form_template = "admin/platform/apiclient/change_form.html"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = ("name", "scopes", "is_enabled")
        return (*fields, *self.readonly_fields) if obj else fields

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.key_view)
        name = "platform_apiclient_key"
        return [path("<int:pk>/key/", view, name=name), *super().get_urls()]

    def save_model(
        self, request: HttpRequest, obj: ApiClient, form: Any, change: bool
    ) -> None:
        if not change:
            obj.new_key = obj.issue_key()  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: ApiClient, post_url_continue: Any = None
    ) -> HttpResponse:
        AuditEntry.write(request.user, "api_client.key", obj)
        return self._show(request, obj, obj.new_key)  # type: ignore[attr-defined]

    def key_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A new key in place of the old one, which stops working at once."""
        client = get_object_or_404(ApiClient, pk=pk)
        if not self.has_change_permission(request, client):
            raise PermissionDenied
        if confirmed(request):
            key = client.issue_key()
            client.save(update_fields=["key_id", "key_hash"])
            AuditEntry.write(request.user, "api_client.key", client)
            return self._show(request, client, key)
        return confirm(
            self,
            request,
            title=_("Issue a new key"),
            facts=[(_("API client"), client), (_("key id"), client.key_id)],
            button=_("Issue"),
            warning=_("The key in use stops working at once."),
        )

    def _show(self, request: HttpRequest, client: ApiClient, key: str) -> HttpResponse:
        return confirm(
            self,
            request,
            title=_("The key of %s") % client,
            facts=[(_("key"), key)],
            button="",
            warning=_("Copy it now: it is shown this once and stored nowhere."),
        )


# Names in an entry's detail that say too little by themselves, or something else elsewhere.
DETAILS = {
    "count": gettext_lazy("how many"),
    "customer_changed": gettext_lazy("the customer's number too"),
    "full": gettext_lazy("full numbers"),
    "is_pinned": gettext_lazy("weight held"),
    "names": gettext_lazy("secrets"),
    "not_made": gettext_lazy("cancelled before they were made"),
    "over": gettext_lazy("Over"),
    "settled": gettext_lazy("no longer in doubt"),
    "sms": gettext_lazy("SMS id"),
    "taken": gettext_lazy("taken by the provider"),
    "word_of": gettext_lazy("behaviour source"),
}
SHOWN = 160  # characters of a detail in the list


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor", "action", "about", "why", "short_detail")
    list_filter = ("action",)
    fields = ("at", "actor", "action", "about", "why", "detail_words")
    search_fields = ("=object_id", "=actor__username")
    search_help_text = gettext_lazy("Number of the object, or a login name.")
    list_select_related = ("actor",)

    @admin.display(description=gettext_lazy("about"))
    def about(self, entry: AuditEntry) -> str:
        """What the entry is about, with a link to it where there is a page."""
        if not entry.object_kind:
            return "–"
        try:
            opts = apps.get_model(entry.object_kind)._meta
            words = f"{capfirst(opts.verbose_name)} {entry.object_id}"
            name = f"admin:{opts.app_label}_{opts.model_name}_change"
            url = reverse(name, args=[entry.object_id])
        except (LookupError, NoReverseMatch):
            return f"{entry.object_kind} {entry.object_id}"
        return format_html('<a href="{}">{}</a>', url, words)

    @admin.display(description=gettext_lazy("reason"))
    def why(self, entry: AuditEntry) -> str:
        """What a person wrote, or the word of the code that did it."""
        return _(entry.reason) if entry.reason else "–"

    @admin.display(description=gettext_lazy("detail"))
    def detail_words(self, entry: AuditEntry) -> str:
        named = {DETAILS.get(k, k): _in_words(v) for k, v in entry.detail.items()}
        return words_of({str(name): value for name, value in named.items()}) or "–"

    @admin.display(description=gettext_lazy("detail"))
    def short_detail(self, entry: AuditEntry) -> str:
        return Truncator(self.detail_words(entry)).chars(SHOWN)


def _in_words(value: Any) -> Any:
    """Codes, such as a verdict's, as staff say them; other texts stay as they are."""
    if isinstance(value, list):
        return [_in_words(one) for one in value]
    return _(value) if isinstance(value, str) and value else value
