"""Encryption of personal data and the blind indexes that find it again.

AES-GCM; the associated data is the *kind* of value and the key id, the same in every
table, so that a set-based statement may copy a ciphertext from one table to another.
Equality goes over a keyed index (HMAC-SHA256, 16 bytes) under a key of its own.
Honest limit: whoever holds the index key can try all phone numbers (reliability.md, 13).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import models

NONCE = 12


class KeyRing:
    """Keys by id, the first one active. A ciphertext begins with its key's id."""

    def __init__(self, written: str) -> None:
        """`written`: `id:base64,id:base64`, newest first; 32 bytes each."""
        self.keys: dict[bytes, AESGCM] = {}
        for item in filter(None, written.split(",")):
            key_id, _, key = item.strip().partition(":")
            self.keys[key_id.encode()] = AESGCM(base64.b64decode(key))
        self.active = next(iter(self.keys))
        self._prefix = bytes([len(self.active)]) + self.active
        self._cipher = self.keys[self.active]
        self._known_aad: dict[str, bytes] = {}

    def encrypt(self, value: str, kind: str) -> bytes:
        """The ciphertext of one value of a kind (`phone`, `name`, `text`)."""
        return self.encrypt_bytes(value.encode(), kind)

    def encrypt_bytes(self, value: bytes, kind: str) -> bytes:
        nonce = os.urandom(NONCE)
        return (
            self._prefix + nonce + self._cipher.encrypt(nonce, value, self._aad(kind))
        )

    def decrypt(self, value: bytes | memoryview, kind: str) -> str:
        return self.decrypt_bytes(value, kind).decode()

    def decrypt_bytes(self, value: bytes | memoryview, kind: str) -> bytes:
        """The plain value. Raises `InvalidTag` for another kind or a wrong key."""
        raw = bytes(value)
        if raw.startswith(self._prefix):  # nearly always; this runs for every SMS
            cipher, aad, start = self._cipher, self._aad(kind), len(self._prefix)
        else:
            start = 1 + raw[0]
            cipher = self.keys[raw[1:start]]
            aad = kind.encode() + b"|" + raw[1:start]
        return cipher.decrypt(raw[start : start + NONCE], raw[start + NONCE :], aad)

    def _aad(self, kind: str) -> bytes:
        known = self._known_aad.get(kind)
        if known is None:
            known = self._known_aad[kind] = kind.encode() + b"|" + self.active
        return known


@lru_cache(maxsize=1)
def key_ring() -> KeyRing:
    """The ring of this installation, read once: asking the settings costs as much as a cipher."""
    return KeyRing(settings.KEY_RING)


def encrypt(value: str, kind: str) -> bytes:
    return key_ring().encrypt(value, kind)


def decrypt(value: bytes | memoryview, kind: str) -> str:
    return key_ring().decrypt(value, kind)


@lru_cache(maxsize=8)
def _keyed(purpose: str, key: str) -> hmac.HMAC:
    return hmac.new(base64.b64decode(key), purpose.encode() + b"|", hashlib.sha256)


def blind_index(value: str, purpose: str = "phone") -> bytes:
    """16 bytes that are equal exactly when the values are, and say nothing else."""
    digest = _keyed(purpose, settings.INDEX_KEY).copy()
    digest.update(value.encode())
    return digest.digest()[:16]


class EncryptedField(models.BinaryField):  # type: ignore[type-arg]
    """Text that rests encrypted. `kind` is part of the cipher: see the module."""

    def __init__(self, kind: str, *args: Any, **kwargs: Any) -> None:
        self.kind = kind
        kwargs.setdefault("editable", True)
        super().__init__(*args, **kwargs)

    def _check_str_default_value(self) -> list[Any]:
        return []  # the default is plain text: it is encrypted on its way in

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs["kind"] = self.kind
        return name, path, args, kwargs

    def get_prep_value(self, value: Any) -> Any:
        # Bytes are ciphertext already: set-based statements copy them as they are.
        if isinstance(value, str):
            return encrypt(value, self.kind)
        return value

    def from_db_value(self, value: Any, *_: Any) -> str | None:
        return None if value is None else decrypt(value, self.kind)

    def to_python(self, value: Any) -> Any:
        return value

    def value_to_string(self, obj: models.Model) -> str:
        # Serialised (fixtures, `dumpdata`) only as ciphertext.
        value = self.get_prep_value(self.value_from_object(obj))
        return base64.b64encode(value or b"").decode()


def at_rest(field: str) -> models.ExpressionWrapper[models.F]:
    """A column's ciphertext in a query: to copy it, or to decrypt many by one ring."""
    return models.ExpressionWrapper(models.F(field), output_field=models.BinaryField())
