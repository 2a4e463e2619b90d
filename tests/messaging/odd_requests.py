"""Requests that no provider's documentation has, for the callback door: drawn from a seed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

GOOD = {"reference": "r1", "to": "+8613800000001", "status": "DELIVERED", "id": ""}
KINDS = ("receipts", "replies", "calls", "receipts/", "", "nonsense", "receipts%00")
TOKENS = ("", "x" * 32, "..", "%2e%2e", "\xe9", "a" * 4000)
METHODS = ("POST",) * 30 + ("GET", "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND")  # fmt: skip
TYPES = (
    "application/json", "application/x-www-form-urlencoded", "text/xml", "", "application/json; charset=utf-16",
    "multipart/form-data; boundary=x", "x" * 300, "application/x-www-form-urlencoded; charset=\x7f",
)  # fmt: skip
LETTERS = (
    "a", "中", "😀", "\x00", "\ud800", "‮", "'", '"', "\\", "\n", "%00", "$(id)", "{{7*7}}", "'; DROP TABLE--", "\ufeff", "é",
)  # fmt: skip
VALUES = (
    None, True, 0, -1, 1e308, 10**30, "", [], {}, [[]], "DELIVERED", "+8613800000001", "2026-13-45", "2026-11-22T02:00:00",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "00000000-0000-0000-0000-000000000000", "NaN",
)  # fmt: skip


@dataclass(frozen=True)
class Odd:
    """A request as it goes over the wire, its length as it says; None: it comes in chunks."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = field(repr=False)
    length: int | None


def odd_request(dice: Random, doors: list[str], secret: str) -> Odd:
    """One more for doors like `<token>/receipts`; about half of them pass and are stored."""
    path = f"/callbacks/{_odd_path(dice, doors) if dice.random() < 0.1 else dice.choice(doors)}"  # fmt: skip
    headers = {"Content-Type": dice.choice(TYPES)}
    if dice.random() < 0.85:
        headers["Authorization"] = f"Bearer {secret}"
    if dice.random() < 0.1:
        headers["X-Forwarded-For"] = dice.choice(["", ",,", "::1", "1.2.3.4:5", _text(dice)])  # fmt: skip
    body = dice.choice(BODIES)(dice)
    query = "".join(dice.choice("ab=&%+;?") for _ in range(dice.choice([0, 0, 9])))
    length = dice.choice([len(body)] * 9 + [None])
    return Odd(dice.choice(METHODS), path, query, headers, body, length)


def _odd_path(dice: Random, doors: list[str]) -> str:
    token = dice.choice([*TOKENS, *(door.split("/")[0] for door in doors)])
    return f"{token}/{dice.choice(KINDS)}"


def _text(dice: Random) -> str:
    return "".join(dice.choices(LETTERS, k=dice.randrange(8)))


def _row(dice: Random) -> object:
    """A report with a field or two gone wrong."""
    row: dict[str, object] = dict(GOOD)
    for name in dice.sample([*row, "error", "at", "text", "from"], dice.randrange(4)):
        row[name] = dice.choice([*VALUES, _text(dice), _text(dice) * 500])
    if dice.random() < 0.3:
        row.pop(dice.choice(list(row)))
    return dice.choice([row] * 9 + [dice.choice(VALUES)])


def _rows(dice: Random) -> bytes:
    rows = [_row(dice) for _ in range(dice.choice([0, 1, 1, 2, 5, 60]))]
    whole = dice.choice([rows, rows, rows, rows[0] if rows else None])
    encoding = dice.choice(["utf-8"] * 6 + ["utf-16", "utf-32", "gb18030"])
    plain = dice.random() < 0.5  # else letters stand as they are, halves of them, too
    return json.dumps(whole, ensure_ascii=plain).encode(encoding, "surrogatepass" if encoding == "utf-8" else "replace")  # fmt: skip


def _mangled(dice: Random) -> bytes:
    body = bytearray(_rows(dice))
    for _ in range(dice.randrange(1, 6)):
        at = dice.randrange(len(body) + 1)
        body[at : at + dice.randrange(4)] = dice.randbytes(dice.randrange(4))
    return bytes(body)


def _form(dice: Random) -> bytes:
    names = ["MessageSid", "MessageStatus", "To", "type", "id", "from", "text", "a[]"]
    pairs = (f"{dice.choice(names)}={_text(dice)}" for _ in range(dice.randrange(6)))
    return "&".join(pairs).encode("utf-8", "replace")


BODIES: tuple[Callable[[Random], bytes], ...] = (
    _rows, _rows, _rows, _mangled, _mangled, _form,
    lambda dice: dice.randbytes(dice.choice([0, 1, 7, 1000])),
    lambda dice: dice.choice([b"[", b'{"a":', b"[{"]) * dice.choice([5, 3_000, 90_000]),
    lambda dice: json.dumps([GOOD] * dice.choice([30] * 60 + [2_000])).encode(),
    lambda dice: b"[" + b"0," * 9_999 + b"0]",
    lambda dice: b'{"to":' + b"9" * dice.choice([400, 5_000]) + b"}",
    lambda dice: b" " * dice.choice([256 * 1024, 256 * 1024 + 1, 400_000]),
)  # fmt: skip
