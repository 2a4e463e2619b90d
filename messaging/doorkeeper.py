"""Who may bring a callback: the token in its address, where it comes from, its signature.

A token is looked up once in some seconds: one that is retired opens nothing after that.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.conf import settings

from backoffice.kit.addresses import (
    Network,
    client_address,
    is_within,
    parse_networks,
)

from .models import CallbackToken, ProviderAccount
from .models.account import hash_token
from .transports import transport
from .transports.base import Callback, Transport
from .voice import voice_transport
from .voice.base import VoiceTransport

logger = logging.getLogger(__name__)

FRESH = 2.0  # seconds
MOST_KNOWN = 10_000


class Caller(NamedTuple):
    """Whoever knows an account's token, as we knew the account a moment ago."""

    account: ProviderAccount
    networks: tuple[Network, ...]
    known_until: float

    def may_come_from(self, environ: Mapping[str, Any]) -> bool:
        """Is the request from the account's list of networks? An empty one lists all."""
        if not self.networks:
            return True
        address = client_address(environ, proxies=settings.TRUSTED_PROXIES)
        return is_within(address, self.networks)

    def signed(self, callback: Callback) -> bool:
        """Does the provider's own check hold? One that stumbles over a request says no."""
        try:
            return provider_of(self.account).verify(self.account, callback)
        except Exception as error:
            logger.error("callback not verified: %s", type(error).__name__)
            return False


_known: dict[str, Caller] = {}


def caller(token: str, kind: str) -> Caller | None:
    """Who knocks with a live token, for a kind of callback that its account has."""
    known = _known.get(hashed := hash_token(token))
    if known is None or known.known_until < time.monotonic():
        known = _look_up(token, hashed)
    return known if known and kind in known.account.callback_kinds else None


def _look_up(token: str, hashed: str) -> Caller | None:
    _known.pop(hashed, None)
    account = CallbackToken.account_of(token)
    if account is None:
        return None
    if len(_known) >= MOST_KNOWN:
        _known.clear()
    networks = parse_networks(account.callback_networks)
    found = _known[hashed] = Caller(account, networks, time.monotonic() + FRESH)
    return found


def forget() -> None:
    """Look every token up anew: after a change in this process."""
    _known.clear()


def provider_of(account: ProviderAccount) -> Transport | VoiceTransport:
    """Raises KeyError for a provider that is not listed any more."""
    is_voice = account.channel == ProviderAccount.Channel.VOICE
    return (voice_transport if is_voice else transport)(account.transport)
