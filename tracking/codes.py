"""Link codes: unguessable, made in bulk (pure but for the system's randomness)."""

from __future__ import annotations

import os

# No look-alikes: no 0 O o, 1 l I i, j.
ALPHABET = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghkmnpqrstuvwxyz"
LENGTH = 8

# Bytes above the last whole multiple of the alphabet would favour its first letters.
_FAIR = 256 - 256 % len(ALPHABET)
_TABLE = bytes(ALPHABET[byte % len(ALPHABET)] for byte in range(256))
_UNFAIR = bytes(range(_FAIR, 256))


def new_codes(count: int, *, length: int = LENGTH) -> list[str]:
    """`count` different codes. That they are new to the database its unique key decides."""
    codes: set[str] = set()
    while len(codes) < count:
        letters = _letters((count - len(codes)) * length)
        codes.update(letters[at : at + length] for at in range(0, len(letters), length))
    return list(codes)


def is_code(text: str) -> bool:
    """Could this be a link code? Saves a look-up for what cannot."""
    return (
        LENGTH <= len(text) <= 10
        and text.isascii()
        and not text.encode().translate(None, ALPHABET)
    )


def _letters(count: int) -> str:
    letters = b""
    while len(letters) < count:
        letters += os.urandom(count * 6 // 5 + 8).translate(_TABLE, _UNFAIR)
    return letters[:count].decode()
