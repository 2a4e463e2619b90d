"""What a provider has approved, at hand for a chunk of messages: read once, then pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from .models import ProviderAccount, ProviderTemplate
from .template_channel import carries_link
from .transports import transport
from .transports.base import Approved


class LinkInValue(ValueError):
    """A value that the provider would refuse: the message is not sent over it."""


@dataclass(frozen=True, slots=True)
class Approvals:
    """An account's approved texts of some versions; a text channel needs none."""

    account: ProviderAccount
    is_needed: bool = False
    by_version: Mapping[int, ProviderTemplate] = field(default_factory=dict)

    @classmethod
    def of(cls, account: ProviderAccount, version_ids: Collection[int]) -> Approvals:
        if transport(account.transport).mode == "text":
            return cls(account)
        rows = ProviderTemplate.objects.approved().filter(
            account=account, version__in=version_ids
        )
        return cls(account, True, {row.version_id: row for row in rows})

    def allow(self, version_ids: Collection[int]) -> bool:
        """Whether each of the versions may go over the account."""
        return not self.is_needed or self.by_version.keys() >= {*version_ids}

    def signature(self, version_id: int) -> str:
        """What stands in 【】 before the text: ours, or the sign name that was approved."""
        approval = self.by_version.get(version_id)
        return approval.sign_name if approval else self.account.signature

    def fill(self, version_id: int, values: Mapping[str, str]) -> Approved | None:
        """The text as the channel names it; None on a text channel. Raises LinkInValue."""
        approval = self.by_version.get(version_id)
        if approval is None:
            return None
        variables = approval.filled(values)
        if any(carries_link(value) for _name, value in variables):
            raise LinkInValue
        return Approved(approval.code, approval.sign_name, variables)
