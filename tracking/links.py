"""Short URLs and the token that a click carries to an activity's page."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.core import signing

from backoffice.platform.models import Parameter

SALT = "tracking.click"


def short_url(code: str) -> str:
    """The address that goes into the text (E3)."""
    return f"{settings.SHORT_LINK_BASE}/{code}"


def make_token(code: str, now: datetime) -> str:
    """A signed word that names the code and the time of the click; nothing personal."""
    return signing.dumps([code, int(now.timestamp())], salt=SALT)


def read_token(token: str, now: datetime) -> str | None:
    """The code of a token; None where it is forged or older than the click may be."""
    try:
        code, at = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError):
        return None
    age = now.timestamp() - at
    return str(code) if -60 <= age <= Parameter.read("link_token_seconds") else None


def with_token(target: str, token: str) -> str:
    """The target with `t=<token>` added to its own query."""
    parts = urlsplit(target)
    query = "&".join(filter(None, [parts.query, urlencode({"t": token})]))
    return urlunsplit(parts._replace(query=query))
