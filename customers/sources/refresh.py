"""Current credit facts of a chunk of customers, fetched from the enabled sources (B2)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from django.utils.translation import gettext as _

from backoffice.kit.http import Session
from customers.credit import KnownFacts, KnownLine, store_facts, store_lines
from customers.models import CreditSource

from .http import Fetched, fetch

# A source that failed for so many chunks of a run is not waited for any longer.
PATIENCE = 3

Person = tuple[int, str, str]  # id, source, customer number


class Refresher:
    """Fetches for one screening run; remembers what went wrong with which source."""

    def __init__(self, http: Session) -> None:
        self._http = http
        self._sources = list(CreditSource.objects.filter(is_enabled=True))
        self._failures: Counter[int] = Counter()
        self.problems: dict[str, str] = {}

    def refresh(self, people: Sequence[Person], *, now: datetime) -> None:
        """Store what the sources say of these customers now.

        Those of a failing source keep their last known facts; `problems` says so.
        """
        for source in self._sources:
            if self._failures[source.pk] < PATIENCE:
                self._ask(source, people, now)

    def _ask(
        self, source: CreditSource, people: Iterable[Person], now: datetime
    ) -> None:
        numbers: dict[str, list[int]] = defaultdict(list)
        for pk, its_source, number in people:
            if source.customer_source in ("", its_source):
                numbers[number].append(pk)
        found, problem = fetch(self._http, source, list(numbers))
        if problem:
            self._failures[source.pk] += 1
            self.problems[source.name] = (
                _("%s; its customers were screened on their last known facts") % problem
            )
        self._store(source, numbers, found, now)

    def _store(
        self,
        source: CreditSource,
        numbers: Mapping[str, list[int]],
        found: Mapping[str, Fetched],
        now: datetime,
    ) -> None:
        facts, lines = [], []
        for number, said in found.items():
            for pk in numbers[number]:
                facts.append(KnownFacts(pk, said.facts, now))
                lines += [KnownLine(pk, **asdict(line)) for line in said.lines]
        store_facts(facts, source=source.name)
        store_lines(lines)
