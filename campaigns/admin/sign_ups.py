"""Sign-ups and their verifications, as staff watch and decide them (D6-D8)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from backoffice.kit.admin import (
    LanguageFilter,
    ReadOnlyAdmin,
    confirm,
    confirmed,
    language_name,
)
from backoffice.kit.clock import database_now
from backoffice.kit.masking import mask_text
from backoffice.kit.words import listed
from backoffice.platform.reveal import RevealMixin
from campaigns.models import SignUp, Verification
from campaigns.risk import RISKS, warnings
from campaigns.verifications import overrule

PERMISSION = "campaigns.change_verification"
# Why a verdict is what it is (campaigns/verification.py), as staff say it.
WHY = {
    "exact": gettext_lazy("the same"),
    "similar": gettext_lazy("nearly the same"),
    "different": gettext_lazy("something else was said"),
    "no_speech": gettext_lazy("nothing was said"),
    "low_confidence": gettext_lazy("not heard clearly"),
    "not_understood": gettext_lazy("not understood"),
    "negated": gettext_lazy("the caller said no"),
    "digit_count": gettext_lazy("too few or too many digits"),
    "one_digit_off": gettext_lazy("one digit off"),
    "no_year": gettext_lazy("a date without its year"),
    "not_sure": gettext_lazy("neither sure nor wrong"),
    "no_question": gettext_lazy("nothing in the sign-up can be asked"),
    "no_script": gettext_lazy("no call template in the language"),
}
Verdict = Verification.Verdict


@admin.register(SignUp)
class SignUpAdmin(RevealMixin, ReadOnlyAdmin):
    """Who signed up, what became of it, and the signals beside the call."""

    revealed = ("answers",)
    list_display = (
        "id",
        "activity",
        "customer",
        "masked_phone",
        "created_at",
        "status",
        "risks",
    )
    list_filter = ("status", "activity", LanguageFilter, "created_at")
    search_fields = ("customer__external_id", "=id")
    search_help_text = gettext_lazy("Customer number or sign-up number")
    list_select_related = ("activity", "customer")
    fields = (
        "activity",
        "customer",
        "masked_phone",
        "message",
        "language_words",
        "masked_answers",
        "created_at",
        "status",
        "verdict",
        "decided_at",
        "stopped_at",
        "all_risks",
    )
    readonly_fields = fields

    @admin.display(description=gettext_lazy("phone"))
    def masked_phone(self, row: SignUp) -> str:
        return row.customer.masked_phone

    @admin.display(description=gettext_lazy("language"))
    def language_words(self, row: SignUp) -> str:
        return language_name(row.language)

    @admin.display(description=gettext_lazy("answers"))
    def masked_answers(self, row: SignUp) -> str:
        return mask_text(str(row.answers))

    @admin.display(description=gettext_lazy("verdict"))
    def verdict(self, row: SignUp) -> str:
        found: Verification | None = getattr(row, "verification", None)
        if found is None:
            return "-"
        address = reverse("admin:campaigns_verification_change", args=[found.pk])
        return format_html('<a href="{}">{}</a>', address, found.get_verdict_display())

    @admin.display(description=gettext_lazy("risk"))
    def risks(self, row: SignUp) -> str:
        return listed(RISKS[name] for name in warnings(row.risk)) or "-"

    @admin.display(description=gettext_lazy("risk signals"))
    def all_risks(self, row: SignUp) -> str:
        return risk_table(row)


def risk_table(row: SignUp) -> str:
    """Every signal with its count; those above their threshold are marked (D8)."""
    raised = set(warnings(row.risk))
    lines = (
        (label, row.risk.get(name, 0), "⚠" if name in raised else "")
        for name, label in RISKS.items()
    )
    body = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", lines)
    note = _("Signals to look at; they decide nothing by themselves.")
    return format_html("<table>{}</table><p class='help'>{}</p>", body, note)


class OverruleForm(forms.Form):
    verdict = forms.ChoiceField(
        label=gettext_lazy("Decision"),
        choices=[
            (Verdict.MATCH, gettext_lazy("Accept: it was the customer")),
            (Verdict.MISMATCH, gettext_lazy("Stop the participation")),
        ],
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        help_text=gettext_lazy("It is recorded with your name."),
    )


@admin.register(Verification)
class VerificationAdmin(RevealMixin, ReadOnlyAdmin):
    """The question, what was heard, the verdict; a person may overrule it."""

    revealed = ("question", "expected", "heard")
    change_form_template = "admin/campaigns/verification/change_form.html"
    list_display = (
        "id",
        "activity",
        "sign_up",
        "verdict",
        "why",
        "score",
        "attempts",
        "overruled_by",
    )
    list_filter = ("verdict", "sign_up__activity")
    list_select_related = ("sign_up__activity", "overruled_by")
    fields = (
        "sign_up_link",
        "activity",
        "asked",
        "kind",
        "masked_expected",
        "masked_heard",
        "verdict",
        "score",
        "why",
        "attempts",
        "call_link",
        "overruled_by",
        "all_risks",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Verification]:
        return super().get_queryset(request).order_by("-pk")

    @admin.display(description=gettext_lazy("activity"))
    def activity(self, row: Verification) -> str:
        return str(row.sign_up.activity)

    @admin.display(description=gettext_lazy("sign-up"))
    def sign_up_link(self, row: Verification) -> str:
        address = reverse("admin:campaigns_signup_change", args=[row.sign_up_id])
        return format_html('<a href="{}">{}</a>', address, row.sign_up)

    @admin.display(description=gettext_lazy("question"))
    def asked(self, row: Verification) -> str:
        return str(row.question)

    @admin.display(description=gettext_lazy("expected answer"))
    def masked_expected(self, row: Verification) -> str:
        return mask_text(str(row.expected))

    @admin.display(description=gettext_lazy("heard"))
    def masked_heard(self, row: Verification) -> str:
        return mask_text(str(row.heard)) or "-"

    @admin.display(description=gettext_lazy("reason"), ordering="reason")
    def why(self, row: Verification) -> str:
        return str(WHY.get(row.reason, row.reason)) or "–"

    @admin.display(description=gettext_lazy("call"))
    def call_link(self, row: Verification) -> str:
        if row.call is None:
            return "-"
        address = reverse("admin:messaging_call_change", args=[row.call_id])
        status = row.call.get_status_display()
        return format_html('<a href="{}">{}</a>', address, status)

    @admin.display(description=gettext_lazy("risk signals"))
    def all_risks(self, row: Verification) -> str:
        return risk_table(row.sign_up)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.overrule_view)
        mine = path("<int:pk>/overrule/", view, name="campaigns_verification_overrule")
        return [mine, *super().get_urls()]

    def overrule_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A person's verdict, with a reason, after a page that says what it does."""
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        row = get_object_or_404(self.get_queryset(request), pk=pk)
        form = OverruleForm(request.POST if confirmed(request) else None)
        if form.is_valid():
            overrule(row, by=request.user, now=database_now(), **form.cleaned_data)
            messages.success(request, _("Decided, and recorded with your name."))
            return redirect("admin:campaigns_verification_change", pk)
        return confirm(
            self,
            request,
            title=_("Decide by hand"),
            facts=_facts(row),
            button=_("Decide"),
            form=form,
            warning=_(
                "Stopping cancels the SMS and calls that wait for this customer in this activity. They are not sent later."
            ),
        )


def _facts(row: Verification) -> list[tuple[str, Any]]:
    return [
        (_("sign-up"), row.sign_up),
        (_("activity"), row.sign_up.activity),
        (_("verdict now"), row.get_verdict_display()),
        (_("reason"), WHY.get(row.reason, row.reason) or "–"),
        (pgettext("number", "calls"), row.attempts),
    ]
