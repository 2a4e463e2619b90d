"""Which provider account a batch goes over: by weight, among those enabled."""

from __future__ import annotations

import random

from .models import ProviderAccount


def choose(channel: str = ProviderAccount.Channel.SMS) -> ProviderAccount | None:
    """One enabled account of the channel, drawn by weight; None where there is none."""
    accounts = list(
        ProviderAccount.objects.filter(channel=channel, is_enabled=True, weight__gt=0)
    )
    if not accounts:
        return None
    return random.choices(accounts, weights=[account.weight for account in accounts])[0]
