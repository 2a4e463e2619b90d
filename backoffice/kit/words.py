"""How words stand beside one another in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import pgettext


def listed(words: Iterable[object]) -> str:
    """`a, b, c`; in Chinese `a、b、c`."""
    return pgettext("between the words of a list", ", ").join(map(str, words))
