"""Pages of a provider account beside its form: test SMS, weight by hand, callback addresses."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice.kit.admin import confirm, confirmed
from backoffice.kit.masking import mask_phone
from backoffice.platform.models import AuditEntry
from messaging.models import CallbackToken, ProviderAccount
from messaging.trying import try_out
from messaging.watching import set_weight

from .account_forms import TestForm, TokenForm, WeightForm, provider_name

NAME = "messaging_provideraccount"


class AccountPages:
    """Added to the account's admin; each page asks, acts once and says what came of it."""

    def get_urls(self) -> list[URLPattern]:
        mine: Any = self
        view = mine.admin_site.admin_view
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        return [
            path("<int:pk>/callbacks/", view(self.token_view), name=f"{NAME}_token"),
            path("<int:pk>/weight/", view(self.weight_view), name=f"{NAME}_weight"),
            path("<int:pk>/test/", view(self.test_view), name=f"{NAME}_test"),
            *urls,
        ]

    def _account(self, request: HttpRequest, pk: int) -> ProviderAccount:
        account = get_object_or_404(ProviderAccount, pk=pk)
        mine: Any = self
        if not mine.has_change_permission(request, account):
            raise PermissionDenied
        return account

    def _confirm(self, request: HttpRequest, **page: Any) -> HttpResponse:
        mine: Any = self
        return confirm(mine, request, **page)

    def token_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Issue callback addresses and show them, this once."""
        account = self._account(request, pk)
        form = TokenForm(request.POST if confirmed(request) else None)
        if not form.is_valid():
            return self._confirm(
                request,
                title=_("Issue callback addresses"),
                facts=_facts(account),
                button=_("Issue"),
                form=form,
            )
        retire_old(account, keep=0 if form.cleaned_data["retire"] else 1)
        token = CallbackToken.issue(account)
        AuditEntry.write(request.user, "callback addresses issued", account)
        return self._confirm(
            request,
            title=_("Callback addresses"),
            facts=_facts(account) + callback_urls(account, token),
            button="",
            warning=_("Give them to the provider now: they are shown this once."),
        )

    def weight_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Set the weight, and hold it there if wished."""
        account = self._account(request, pk)
        now = {"weight": account.weight, "is_pinned": account.is_pinned}
        form = WeightForm(request.POST if confirmed(request) else None, initial=now)
        if not form.is_valid():
            facts = [*_facts(account), (_("Weight now"), account.weight_now)]
            return self._confirm(
                request,
                title=_("Set the weight"),
                facts=facts,
                button=_("Save"),
                form=form,
            )
        reason = form.cleaned_data.pop("reason")
        set_weight(account, **form.cleaned_data, by=request.user, reason=reason)
        AuditEntry.write(
            request.user,
            "account weight set",
            account,
            reason=reason,
            **form.cleaned_data,
        )
        messages.success(request, _("The weight is set."))
        return HttpResponseRedirect(reverse(f"admin:{NAME}_change", args=[pk]))

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Send one SMS over it, now, and show the answer."""
        account = self._account(request, pk)
        if account.channel != ProviderAccount.Channel.SMS:
            raise Http404
        form = TestForm(account, request.POST if confirmed(request) else None)
        if not form.is_valid():
            return self._confirm(
                request,
                title=_("Send a test SMS"),
                facts=_facts(account),
                button=_("Send"),
                form=form,
            )
        phone = form.cleaned_data.pop("phone")
        tried = try_out(account, phone, **form.cleaned_data)
        shown = mask_phone(phone)
        AuditEntry.write(
            request.user,
            "account tested",
            account,
            phone=shown,
            taken=tried.is_taken,
            sms=str(tried.outcome.id),
        )
        report = messages.success if tried.is_taken else messages.warning
        report(request, tried.words)
        return self._confirm(
            request,
            title=_("Test SMS"),
            facts=[*_facts(account), (_("Sent to"), shown), *tried.facts()],
            button="",
        )


def _facts(account: ProviderAccount) -> list[tuple[str, object]]:
    return [
        (_("Provider account"), account),
        (_("Provider"), provider_name(account.transport)),
    ]


def retire_old(account: ProviderAccount, *, keep: int) -> None:
    """Stop all but the newest `keep` live tokens."""
    live = account.tokens.filter(retired_at__isnull=True).order_by("-pk")
    old = [token.pk for token in live[keep:]]
    account.tokens.filter(pk__in=old).update(retired_at=timezone.now())


def callback_urls(account: ProviderAccount, token: str) -> list[tuple[str, object]]:
    base = f"{settings.PUBLIC_BASE_URL}/callbacks/{token}"
    return [(kind, f"{base}/{kind}") for kind in account.callback_kinds]
