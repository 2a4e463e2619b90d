from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import HouseAdmin
from messaging.models import Keyword, MessageType, TypeField
from messaging.models.template import normal_word


class KeywordForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Keyword
        fields = ("word",)

    def clean_word(self) -> str:
        """One word, one type: also where only width or case differ (A2)."""
        word: str = self.cleaned_data["word"].strip()
        others = Keyword.objects.exclude(pk=self.instance.pk)
        for other in others.select_related("message_type"):
            if normal_word(other.word) == normal_word(word):
                raise forms.ValidationError(
                    _("“%(word)s” already decides for “%(type)s”: remove it there.")
                    % {"word": word, "type": other.message_type}
                )
        return word


class KeywordInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Keyword
    form = KeywordForm
    extra = 3


class FieldForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = TypeField
        fields = ("name", "kind", "sample")

    def clean_name(self) -> str:
        """A name as it stands in braces."""
        name: str = self.cleaned_data["name"].strip()
        if not name.isidentifier():
            raise forms.ValidationError(
                _("Letters, digits and “_” only, and no digit first.")
            )
        return name


class FieldInline(admin.TabularInline):  # type: ignore[type-arg]
    model = TypeField
    form = FieldForm
    extra = 1


@admin.register(MessageType)
class MessageTypeAdmin(HouseAdmin):
    list_display = (
        "__str__",
        "code",
        "purpose",
        "keyword_count",
        "template_count",
        "business_type",
        "valid_hours",
    )
    list_filter = ("purpose",)
    search_fields = ("code", "name", "name_zh", "keywords__word")
    inlines = (KeywordInline, FieldInline)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("code",) if obj else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[MessageType]:
        rows: QuerySet[MessageType] = super().get_queryset(request)
        return rows.select_related("business_type").annotate(
            words=Count("keywords", distinct=True),
            texts=Count("templates", distinct=True),
        )

    def save_related(
        self, request: HttpRequest, form: Any, formsets: Any, change: bool
    ) -> None:
        super().save_related(request, form, formsets, change)
        if not form.instance.type_fields.exists():
            form.instance.give_default_fields()

    @admin.display(description=gettext_lazy("keywords"), ordering="words")
    def keyword_count(self, row: Any) -> int:
        return int(row.words)

    @admin.display(description=gettext_lazy("templates"), ordering="texts")
    def template_count(self, row: Any) -> int:
        return int(row.texts)
