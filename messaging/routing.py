"""Which provider account a batch goes over: by weight, among those enabled."""

from __future__ import annotations

import random

from django.utils import timezone

from .models import ProviderAccount


def choose(channel: str = ProviderAccount.Channel.SMS) -> ProviderAccount | None:
    """One enabled account of the channel, drawn by weight; None where there is none."""
    accounts = list(
        ProviderAccount.objects.unstopped().filter(
            channel=channel, is_enabled=True, weight__gt=0
        )
    )
    if not accounts:
        return None
    now = timezone.now()
    quick = [one for one in accounts if not one.slow_until or one.slow_until <= now]
    accounts = quick or accounts
    return random.choices(accounts, weights=[account.weight for account in accounts])[0]
