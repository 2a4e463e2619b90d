"""How the Chinese clouds want a request signed: pure, time and nonce are arguments.

Each gives the headers that a POST of `body` to the path `/` is sent with.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

ACS3 = "ACS3-HMAC-SHA256"
TC3 = "TC3-HMAC-SHA256"


class Keys(NamedTuple):
    id: str
    secret: str


# --- Aliyun ------------------------------------------------------------------------


def acs3(keys: Keys, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """`Authorization` over all of `headers`, which stand by lower-case name.

    They must hold `host`, `x-acs-content-sha256` and the other `x-acs-` headers.
    """
    names = sorted(headers)
    lines = [
        "POST",
        "/",
        acs3_query(query),
        *(f"{name}:{headers[name].strip()}" for name in names),
        "",
        ";".join(names),
        headers["x-acs-content-sha256"],
    ]
    text = f"{ACS3}\n{_digest(_joined(lines))}"
    signature = _mac(keys.secret.encode(), text).hex()
    return f"{ACS3} Credential={keys.id},SignedHeaders={';'.join(names)},Signature={signature}"


def acs3_query(query: Mapping[str, str]) -> str:
    """The address's query in the one form that is signed."""
    pairs = ((quote(name, safe="~"), quote(query[name], safe="~")) for name in query)
    return "&".join("=".join(pair) for pair in sorted(pairs))


# --- Tencent -----------------------------------------------------------------------


def tc3(keys: Keys, host: str, body: bytes, now: datetime) -> dict[str, str]:
    """The signed headers of a JSON request to the service `sms` at `host`."""
    signed = {"content-type": "application/json", "host": host}
    day, at = f"{now.astimezone(UTC):%Y-%m-%d}", str(int(now.timestamp()))
    lines = [
        "POST",
        "/",
        "",
        *(f"{name}:{value}" for name, value in signed.items()),
        "",
        ";".join(signed),
        _digest(body),
    ]
    scope = f"{day}/sms/tc3_request"
    text = f"{TC3}\n{at}\n{scope}\n{_digest(_joined(lines))}"
    key = f"TC3{keys.secret}".encode()
    for part in scope.split("/"):
        key = _mac(key, part)
    authorization = (
        f"{TC3} Credential={keys.id}/{scope}, SignedHeaders={';'.join(signed)}, "
        f"Signature={_mac(key, text).hex()}"
    )
    return signed | {"x-tc-timestamp": at, "authorization": authorization}


def _joined(lines: list[str]) -> bytes:
    return "\n".join(lines).encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
