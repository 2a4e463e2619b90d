"""The public pages of an activity: sign-up, and what others see (D2).

Nothing personal is shown, whoever holds the link. No script; one style sheet of ours.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from backoffice.kit.addresses import client_address
from backoffice.kit.clock import database_now
from tracking.links import read_token
from tracking.models import TrackingRecord

from .activities import AlreadySignedUp, Visit, admission, sign_up
from .forms import SignUpForm
from .models import Activity
from .risk import Signals

DEVICE = "device"
YEAR = 365 * 24 * 3600
# No script, nothing from elsewhere, in nobody's frame.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
LANGUAGES = dict(settings.LANGUAGES)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who came over which link, to which activity; `page` is what the labels allow now."""

    page: str
    activity: Activity | None = None
    record: TrackingRecord | None = None


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def activity_page(request: HttpRequest, slug: str) -> HttpResponse:
    """`/a/<slug>/?t=<token>`: the token names a link code, the code the customer."""
    now = database_now()
    visitor = _visitor(slug, request.GET.get("t", ""), now)
    language = _language(request, visitor)
    with translation.override(language):
        if visitor.page != "sign_up":
            return _show(request, visitor, language, page=visitor.page)
        if request.method == "POST":
            return _submit(request, visitor, language, now)
        form = SignUpForm(_activity(visitor))
        return _show(request, visitor, language, page="sign_up", form=form)


def _visitor(slug: str, token: str, now: datetime) -> Visitor:
    code = read_token(token, now)
    links = TrackingRecord.objects.select_related("customer")
    record = links.filter(code=code, customer__isnull=False).first() if code else None
    activity = Activity.objects.filter(slug=slug).first()
    if record is None or record.customer is None or activity is None:
        return Visitor("other")
    return Visitor(admission(activity, record.customer, now), activity, record)


def _activity(visitor: Visitor) -> Activity:
    assert visitor.activity is not None  # admitted: there is one
    return visitor.activity


def _submit(
    request: HttpRequest, visitor: Visitor, language: str, now: datetime
) -> HttpResponse:
    assert visitor.record is not None
    activity = _activity(visitor)
    form = SignUpForm(activity, request.POST)
    if not form.is_valid():
        return _show(request, visitor, language, page="sign_up", form=form)
    visit = Visit(language, Signals.of(ip=_address(request), device=_device(request)))
    try:
        sign_up(activity, visitor.record, form.answers(), visit=visit, now=now)
    except AlreadySignedUp:
        return _show(request, visitor, language, page="done")
    return _show(request, visitor, language, page="thanks")


def _language(request: HttpRequest, visitor: Visitor) -> str:
    """What was chosen on the page, else the customer's, else the browser's language."""
    customer = visitor.record.customer if visitor.record else None
    wishes = (
        request.GET.get("lang", ""),
        customer.language if customer else "",
        translation.get_language() or "",
    )
    return next((wish for wish in wishes if wish in LANGUAGES), settings.LANGUAGE_CODE)


def _show(
    request: HttpRequest,
    visitor: Visitor,
    language: str,
    *,
    page: str,
    form: Any = None,
) -> HttpResponse:
    # The other page says nothing of the activity: not even that there is one.
    shown = None if page == "other" else visitor.activity
    context = page_context(shown, language, page=page, form=form)
    context["token"] = request.GET.get("t", "")
    answer = render(request, f"campaigns/{page}.html", context)
    answer["Content-Language"] = language
    answer["Content-Security-Policy"] = POLICY
    if page == "sign_up" and not _device(request):
        _name_device(answer)
    return answer


def page_context(
    activity: Activity | None, language: str, *, page: str, form: Any = None
) -> dict[str, Any]:
    """What a page's template needs; the preview in the admin makes it, too."""
    chinese = language.startswith("zh")
    description = activity.description if activity else ""
    if activity and chinese and activity.description_zh:
        description = activity.description_zh
    return {
        "page": page,
        "activity": activity,
        "description": description,
        "form": form,
        "language": language,
        "languages": [("en", "English"), ("zh-hans", "中文")],
    }


def _device(request: HttpRequest) -> str:
    return request.get_signed_cookie(DEVICE, default="") or ""


def _name_device(answer: HttpResponse) -> None:
    """A random name, so that sign-ups of one device can be counted (D8)."""
    answer.set_signed_cookie(
        DEVICE,
        secrets.token_urlsafe(16),
        max_age=YEAR,
        httponly=True,
        secure=settings.HTTPS,
        samesite="Lax",
        path="/a/",
    )


def _address(request: HttpRequest) -> str:
    """The visitor's address, for IPv6 its /64; "" where it is unknown."""
    address = client_address(request.META, proxies=settings.TRUSTED_PROXIES)
    try:
        known = ip_address(address.strip())
    except ValueError:
        return ""
    return str(known if known.version == 4 else ip_network((known, 64), strict=False))
