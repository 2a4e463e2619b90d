"""Which provider account each SMS goes over, decided for a chunk at once.

1. An account's routes say what it is for (SMS types, number ranges); the most specific
   come first. On a template channel only what the provider approved goes.
2. Equals are taken in the order of their price, others share by weight. What errors and
   slow delivery took off an account's weight (`messaging.health`) goes to the next ones.
3. What was in doubt at an account, or bound to it by staff, goes over no other. What an
   account surely did not take goes over another one where there is one.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from .gate import Passed
from .models import ProviderAccount, ProviderTemplate, Route, TemplateVersion
from .transports import transport

SMS = ProviderAccount.Channel.SMS
# As many in a row go over one account; as a fence has.
SLICE = 250

Rank = tuple[int, bool]  # length of the prefix, is the type named?
GENERAL: Rank = (-1, False)  # of an account that is for everything
Kind = tuple[int, int | None, bool, str]  # version, tried, is it bound?, longest prefix


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """An account as the decision sees it. `versions`: what is approved; None: all are."""

    account: ProviderAccount
    routes: Sequence[tuple[int | None, str]] = ()  # type or any, prefix or ""
    versions: Collection[int] | None = None

    def rank(self, version: int, type_id: int | None, prefix: str) -> Rank | None:
        """How specifically it is for such an SMS; None where it may not take it."""
        if self.versions is not None and version not in self.versions:
            return None
        if not self.routes:
            return GENERAL
        fitting = [
            (len(start), kind is not None)
            for kind, start in self.routes
            if kind in (None, type_id) and prefix.startswith(start)
        ]
        return max(fitting, default=None)


@dataclass(frozen=True, slots=True)
class Network:
    """The accounts that may be used now. `types`: SMS type by version, where routes ask."""

    ways: Sequence[Way]
    types: Mapping[int, int] = field(default_factory=dict)

    def prefix_lookup(self) -> Callable[[str], str]:
        """Phone -> the longest prefix of any route; the shorter ones are parts of it."""
        known = {start for way in self.ways for _kind, start in way.routes} - {""}
        if not known:
            return lambda phone: ""
        lengths = sorted({len(start) for start in known}, reverse=True)
        return lambda phone: next(
            (phone[:length] for length in lengths if phone[:length] in known), ""
        )


@dataclass(slots=True)
class Assignment:
    """`ways`: who goes over what. `unrouted`: no account is for them. `resting_until`:
    accounts took nothing a moment ago and nobody else may; `has_choice`: else somebody may."""

    ways: list[tuple[ProviderAccount, list[Passed]]] = field(default_factory=list)
    unrouted: list[Passed] = field(default_factory=list)
    resting_until: datetime | None = None
    has_choice: bool = False


def assign(
    passed: Sequence[Passed],
    network: Network,
    *,
    now: datetime,
    dice: random.Random | None = None,
) -> Assignment:
    """Decide for all of them; the cost for each is a look-up of its kind."""
    done = Assignment(has_choice=len(network.ways) > 1)
    prefix = network.prefix_lookup()
    kinds: dict[Kind, list[Passed]] = defaultdict(list)
    for one in passed:
        kinds[one.version_id, one.tried, one.is_bound, prefix(one.phone)].append(one)
    by_way: dict[Way, list[Passed]] = defaultdict(list)
    for kind, alike in kinds.items():
        fitting = _fitting(kind, network)
        free = [one for one in fitting if not _rests(one[1], now)]
        if not fitting:
            done.unrouted += alike
        elif not free:
            done.resting_until = _first_awake(fitting, done.resting_until)
        else:
            shares = poured(_levels(_without(kind, free)))
            for way, some in _drawn(shares, alike, dice or random.Random()):
                by_way[way] += some
    done.ways = [(way.account, some) for way, some in by_way.items()]
    return done


def _fitting(kind: Kind, network: Network) -> list[tuple[Rank, Way]]:
    version, tried, is_bound, prefix = kind
    type_id = network.types.get(version)
    return [
        (rank, way)
        for way in network.ways
        if not (is_bound and way.account.pk != tried)
        if (rank := way.rank(version, type_id, prefix)) is not None
    ]


def _without(kind: Kind, free: list[tuple[Rank, Way]]) -> list[tuple[Rank, Way]]:
    """Not again the account that just did not take it, where there is another."""
    _version, tried, _bound, _prefix = kind
    return [one for one in free if one[1].account.pk != tried] or free


def _rests(way: Way, now: datetime) -> bool:
    until = way.account.slow_until
    return until is not None and until > now


def _first_awake(
    fitting: Iterable[tuple[Rank, Way]], known: datetime | None
) -> datetime:
    until = [way.account.slow_until for _rank, way in fitting]
    return min(one for one in (*until, known) if one is not None)


def _levels(ranked: Sequence[tuple[Rank, Way]]) -> Iterator[list[Way]]:
    """The ways in the order in which they are to take something, equals together."""
    by_rank = sorted(ranked, key=lambda one: one[0], reverse=True)
    for _rank, some in groupby(by_rank, key=lambda one: one[0]):
        yield from _by_price([way for _rank, way in some])


def _by_price(ways: list[Way]) -> Iterator[list[Way]]:
    """With one and the same weight, the cheaper first; else their weights say it all."""
    prices = [way.account.cost for way in ways]
    if None in prices or len({way.account.weight for way in ways}) > 1:
        yield ways
        return
    by_price: Any = sorted(ways, key=lambda way: way.account.cost or 0)
    for _price, some in groupby(by_price, key=lambda way: way.account.cost):
        yield list(some)


def poured(levels: Iterable[list[Way]]) -> dict[Way, float]:
    """Each level takes its health's share of what those before it left.

    Where the health of all is gone, the first level goes by the weights as set.
    """
    shares: dict[Way, float] = {}
    left, first = 1.0, list[Way]()
    for level in levels:
        first = first or level
        full = sum(way.account.weight for way in level)
        for way in level:
            shares[way] = left * way.account.weight_now / full
        left *= 1 - sum(way.account.weight_now for way in level) / full
        if left <= 0:
            break
    if not any(shares.values()):
        return {way: float(way.account.weight) for way in first}
    return {way: share for way, share in shares.items() if share}


def _drawn(
    shares: Mapping[Way, float], passed: list[Passed], dice: random.Random
) -> Iterator[tuple[Way, list[Passed]]]:
    """One draw for each slice of them, not for each of them."""
    if len(shares) == 1:
        yield next(iter(shares)), passed
        return
    count = -(-len(passed) // SLICE)
    draws = Counter(dice.choices(list(shares), weights=list(shares.values()), k=count))
    start = 0
    for way, slices in draws.items():
        end = start + slices * SLICE
        if start < len(passed):
            yield way, passed[start:end]
        start = end


def network(version_ids: Collection[int]) -> Network:
    """The SMS accounts as they stand; one statement, and one for each thing that some
    account has: routes, types in them, approvals."""
    routed = Exists(Route.objects.filter(account=OuterRef("pk")))
    accounts = list(_usable(SMS).annotate(is_routed=routed))
    routes = _routes([one.pk for one in accounts if one.is_routed])
    approved = _approved(accounts, version_ids)
    named = any(kind for some in routes.values() for kind, _start in some)
    return Network(
        [Way(one, routes.get(one.pk, ()), approved.get(one.pk)) for one in accounts],
        _types(version_ids) if named else {},
    )


def _usable(channel: str) -> QuerySet[ProviderAccount]:
    accounts = ProviderAccount.objects.unstopped()
    return accounts.filter(channel=channel, is_enabled=True, weight__gt=0)


def _routes(account_ids: Sequence[int]) -> dict[int, list[tuple[int | None, str]]]:
    found: dict[int, list[tuple[int | None, str]]] = defaultdict(list)
    for route in Route.objects.filter(account__in=account_ids) if account_ids else ():
        found[route.account_id] += [
            (route.message_type_id, start) for start in route.prefixes
        ]
    return found


def _approved(
    accounts: Iterable[ProviderAccount], version_ids: Collection[int]
) -> dict[int, set[int]]:
    """By template channel, the versions that its provider approved."""
    channels = [one.pk for one in accounts if transport(one.transport).mode != "text"]
    if not channels:
        return {}
    by_version = ProviderTemplate.objects.approved_for(version_ids)
    return {
        pk: {version for version, among in by_version.items() if pk in among}
        for pk in channels
    }


def _types(version_ids: Collection[int]) -> dict[int, int]:
    versions = TemplateVersion.objects.filter(pk__in=version_ids)
    return dict(versions.values_list("pk", "template__message_type"))


def choose(channel: str) -> ProviderAccount | None:
    """One account of a channel without routes (voice), by weight; None where there is none."""
    now = timezone.now()
    ways = [(GENERAL, Way(one)) for one in _usable(channel)]
    free = [one for one in ways if not _rests(one[1], now)] or ways
    shares = poured(_levels(free))
    if not shares:
        return None
    return random.choices(list(shares), weights=list(shares.values()))[0].account
