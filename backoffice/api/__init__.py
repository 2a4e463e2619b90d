"""The partner API `/api/v1/`: what `settings.REST_FRAMEWORK` names.

The views stand in each app's `api.py`, their addresses in `routes.py`. DRF imports this
while it defines its own views, so nothing here may import those.
"""

from __future__ import annotations

from .access import ApiKeyAuthentication, HasScope
from .errors import problem
from .queries import CursorPages, StrictFilterBackend

__all__ = [
    "ApiKeyAuthentication",
    "CursorPages",
    "HasScope",
    "StrictFilterBackend",
    "problem",
]
