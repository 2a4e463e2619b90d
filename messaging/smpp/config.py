"""What an account says of its SMSC, and how workers reach the process that speaks to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from messaging.models import ProviderAccount
from messaging.transports.base import Setting

from .reports import IdForm
from .text import Concatenation, Encoding

SLUG = "smpp"

_TON = (
    ("0", _("unknown (0)")),
    ("1", _("international (1)")),
    ("2", _("national (2)")),
    ("3", _("network specific (3)")),
    ("5", _("alphanumeric (5)")),
)
_NPI = (("0", _("unknown (0)")), ("1", _("telephone numbers, E.164 (1)")))

SETTINGS = (
    Setting("host", _("SMSC's host"), is_required=True),
    Setting("port", _("Port"), "number", default=2775),
    Setting("tls", _("TLS"), "yes/no", default=False),
    Setting("system_type", _("System type")),
    Setting(
        "bind",
        _("Bind as"),
        "choice",
        default="transceiver",
        choices=(
            ("transceiver", _("transceiver")),
            ("pair", _("transmitter and receiver, two connections")),
        ),
    ),
    Setting(
        "window",
        _("Window"),
        "number",
        default=10,
        help=_("SMS on the way without an answer."),
    ),
    Setting("source", _("Sender"), help=_("Number or name that the SMS come from.")),
    Setting("source_ton", _("Sender's TON"), "choice", default="0", choices=_TON),
    Setting("source_npi", _("Sender's NPI"), "choice", default="0", choices=_NPI),
    Setting("dest_ton", _("Receiver's TON"), "choice", default="1", choices=_TON),
    Setting("dest_npi", _("Receiver's NPI"), "choice", default="1", choices=_NPI),
    Setting(
        "encoding",
        _("Encoding"),
        "choice",
        default="gsm",
        choices=(
            ("gsm", _("GSM-7 where it will do, else UCS-2")),
            ("ucs2", _("always UCS-2")),
        ),
    ),
    Setting(
        "concatenation",
        _("Long SMS"),
        "choice",
        default="udh8",
        choices=(
            ("udh8", _("header with 8-bit reference")),
            ("udh16", _("header with 16-bit reference, a character less in each part")),
            ("sar", _("sar parameters")),
            ("payload", _("in one piece, as message_payload")),
        ),
    ),
    Setting(
        "receipts",
        _("Receipts"),
        "choice",
        default="last",
        choices=(
            ("last", _("of each SMS; of a long one for its last part")),
            ("none", _("none")),
        ),
    ),
    Setting(
        "receipt_ids",
        _("Message ids in receipts"),
        "choice",
        default="as_is",
        choices=(
            ("as_is", _("as in the response")),
            ("loose", _("with other leading zeros or letter case")),
            ("hex_dec", _("decimal, in the response hexadecimal")),
            ("dec_hex", _("hexadecimal, in the response decimal")),
        ),
    ),
    Setting(
        "time_zone",
        _("SMSC's time zone"),
        help=_("Of the times in its receipts, such as Asia/Shanghai; empty: the house's."),
    ),
    Setting("enquire_seconds", _("Seconds between enquire_link"), "number", default=30),
    Setting("response_seconds", _("Seconds to wait for an answer"), "number", default=30),
)  # fmt: skip
SECRETS = (
    Setting("system_id", _("System id"), is_required=True),
    Setting("password", _("Password"), is_required=True),
)


@dataclass(frozen=True, slots=True)
class Config:
    """An account's settings and secrets, read; two are equal where nothing has changed."""

    account_id: int
    host: str
    port: int
    tls: bool
    system_id: str
    password: str = field(repr=False)
    system_type: str
    bind: Literal["transceiver", "pair"]
    window: int
    source: str
    source_ton: int
    source_npi: int
    dest_ton: int
    dest_npi: int
    encoding: Encoding
    concatenation: Concatenation
    receipts: Literal["last", "none"]
    receipt_ids: IdForm
    time_zone: str
    enquire_seconds: float
    response_seconds: float

    @classmethod
    def of(cls, account: ProviderAccount) -> Config:
        """Raises ValueError for a setting that cannot be used: the kind of fault, no secret."""
        values = {one.name: _value(one, account.settings) for one in SETTINGS}
        given = account.secret_values
        values |= {one.name: given.get(one.name, "") for one in SECRETS}
        for name in ("source_ton", "source_npi", "dest_ton", "dest_npi"):
            values[name] = int(values[name])
        values["time_zone"] = values["time_zone"] or settings.TIME_ZONE
        config = cls(account_id=account.pk, **values)
        config.check()
        return config

    def check(self) -> None:
        if not self.host or not 0 < self.port < 65536:
            raise ValueError("host and port")
        if self.window < 1:
            raise ValueError("window")
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, OSError):
            raise ValueError("time_zone") from None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


def _value(setting: Setting, given: dict[str, Any]) -> Any:
    """As the setting's kind says; the default where it is absent, empty or no choice."""
    value = given.get(setting.name)
    if value is None or value == "":
        value = setting.default if setting.default is not None else ""
    if setting.kind == "number":
        return int(value)
    if setting.kind == "choice" and str(value) not in dict(setting.choices):
        raise ValueError(setting.name)
    return value if setting.kind == "yes/no" else str(value)


def bearer() -> str:
    """What a worker shows the gateway: both know the house's secret key, nobody else does."""
    token = salted_hmac("messaging.smpp.gateway", SLUG, algorithm="sha256").hexdigest()
    return f"Bearer {token}"
