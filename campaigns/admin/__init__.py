from __future__ import annotations

from . import activities as activities
from . import events as events
from . import notices as notices
from . import pushes as pushes
from . import sign_ups as sign_ups
