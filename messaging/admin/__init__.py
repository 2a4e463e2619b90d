from __future__ import annotations

from . import accounts as accounts
from . import approvals as approvals
from . import calls as calls
from . import doubts as doubts
from . import feedback as feedback
from . import messages as messages
from . import quiet as quiet
from . import stops as stops
from . import templates as templates
from . import types as types
from . import words as words
