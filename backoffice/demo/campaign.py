"""One campaign through the whole house: screened, scanned, pushed, clicked, signed up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from unicodedata import east_asian_width

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from campaigns.models import MarketingEvent, Notice, Push, SignUp
from campaigns.notices import NoticeInfo, take_many
from campaigns.pushes import progress, start
from customers.models import ScreeningRun
from customers.screening import screen
from messaging.models import Message
from tracking.models import BehaviourSource, Click
from tracking.sources.files import scan

from . import offers, payments, visitors, world

# The simulator is silent for numbers that end in 96: such messages stay "sent".
SILENT = "96"
PATIENCE = 90.0


def start_once() -> list[Push]:
    """Start the campaign; the pushes of the first time where it ran before."""
    pushes = _pushes()
    if pushes:
        return pushes
    now = timezone.now()
    screen(scope=ScreeningRun.Scope.ALL, now=now)
    scan(BehaviourSource.objects.get(name=payments.NAME), now)
    _take_notices()
    for event in MarketingEvent.objects.filter(name__in=offers.EVENTS.values()):
        with transaction.atomic():
            start(event, by=None, now=timezone.now())
    return _pushes()


def _pushes() -> list[Push]:
    events = MarketingEvent.objects.filter(name__in=offers.EVENTS.values())
    return list(Push.objects.filter(event__in=events).order_by("pk"))


def _take_notices() -> None:
    """One that goes out, one of two meanings, one whose day is past."""
    today = timezone.localdate()
    infos = [
        _notice("D1001", "还款提醒", today),
        _notice("D1002", "还款到账 退款失败", today),
        _notice("D1037", "Your repayment is due soon", today - timedelta(days=2)),
    ]
    take_many(infos, origin=Notice.Origin.FORM, now=timezone.now())


def _notice(number: str, text: str, send_on: date) -> NoticeInfo:
    return NoticeInfo(
        source=world.SOURCE,
        external_id=number,
        amount=Decimal("1280.00"),
        due_on=timezone.localdate() + timedelta(days=3),
        send_on=send_on,
        text=text,
    )


class Course:
    """Watches the campaign until nothing moves any more; its people sign up on the way."""

    def __init__(self, pushes: Sequence[Push]) -> None:
        self.pushes = pushes
        self.is_new = any(push.status != Push.Status.DONE for push in pushes)
        self.end = time.monotonic() + PATIENCE
        self.signed: int | None = None

    def is_over(self) -> bool:
        """Called again and again; true once every SMS and every sign-up is settled."""
        if not self.is_new or time.monotonic() > self.end:
            return True
        if self._moving():
            return False
        if self.signed is None:
            self.signed = sum(visitors.sign_up(push) for push in self.pushes)
            return False
        pending = SignUp.objects.filter(status=SignUp.Status.PENDING)
        return Click.objects.count() >= self.signed and not pending.exists()

    def _moving(self) -> bool:
        ids = [push.pk for push in self.pushes]
        if Push.objects.filter(pk__in=ids).exclude(status=Push.Status.DONE).exists():
            return True
        messages = Message.objects.filter(chunk__pushpart__push__in=ids)
        open_ones = messages.exclude(status__in=Message.FINAL)
        return any(not one.phone.endswith(SILENT) for one in open_ones)


def report(pushes: Sequence[Push]) -> list[str]:
    """A short table, a column a push, and where to see more."""
    rows = [_figures(push) for push in pushes]
    lines = ["", _row("", [str(push.event) for push in pushes])]
    lines += [_row(name, [str(row[name]) for row in rows]) for name in rows[0]]
    lines.append("")
    lines += [f"Report:    {_address(push)}" for push in pushes]
    return lines


def _row(name: str, cells: Sequence[str]) -> str:
    return f"  {name:<24}" + "".join(_right(cell, 18) for cell in cells)


def _right(text: str, width: int) -> str:
    """Padded on the left; a Chinese character takes two columns of a terminal."""
    wide = sum(east_asian_width(one) in "WF" for one in text)
    return " " * (width - len(text) - wide) + text


def _figures(push: Push) -> dict[str, int]:
    push.refresh_from_db()
    states = progress(push)
    messages = Message.objects.filter(chunk__pushpart__push=push)
    sign_ups = SignUp.objects.filter(message__in=messages)
    status = SignUp.Status
    return {
        "initial group": push.initial_count,
        "target group": push.target_count,
        "delivered": states.get("delivered", 0),
        "sent, no receipt": states.get("sent", 0),
        "failed": states.get("failed", 0),
        "replied": states["replied"],
        "clicked": Click.objects.filter(message__in=messages)
        .values("message")
        .distinct()
        .count(),
        "signed up": sign_ups.count(),
        "  verified by call": sign_ups.filter(status=status.VERIFIED).count(),
        "  stopped": sign_ups.filter(status=status.INTERCEPTED).count(),
        "  unsure or not reached": sign_ups.filter(
            status__in=[status.UNSURE, status.UNVERIFIED, status.PENDING]
        ).count(),
    }


def _address(push: Push) -> str:
    path = reverse("admin:campaigns_push_change", args=[push.pk])
    return f"{settings.PUBLIC_BASE_URL}{path}"
