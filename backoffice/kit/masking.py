"""What people see of personal data without the permission to reveal it."""

from __future__ import annotations

from backoffice.kit.phones import BadPhone, split_country

DOT = "•"
# Long enough to be seen, the same for every text: its length tells nothing.
_BLANKED = DOT * 6


def mask_phone(e164: str) -> str:
    """`"+8613800138000"` -> `"+86•••••••8000"`: country code and the last four digits.

    A national number under eight digits would be half open, so it is hidden whole.
    """
    try:
        country, national = split_country(e164)
    except BadPhone:
        return mask_text(e164)
    shown = national[-4:] if len(national) >= 8 else ""
    return f"+{country}{DOT * (len(national) - len(shown))}{shown}"


def mask_name(name: str) -> str:
    """`"张伟"` -> `"张•"`, `"Jan Novak"` -> `"J•• N••••"`: the first character of each word."""
    return " ".join(_initial(word) for word in name.split())


def mask_text(text: str) -> str:
    """Six dots for any text; nothing for nothing, so that a gap is still seen as a gap."""
    return _BLANKED if text.strip() else ""


def _initial(word: str) -> str:
    # A name of one character would be shown whole.
    return word[0] + DOT * (len(word) - 1) if len(word) > 1 else DOT
