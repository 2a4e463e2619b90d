from __future__ import annotations

from . import behaviour as behaviour
from . import failed_numbers as failed_numbers
from . import files as files
from . import life as life
from . import quarantine as quarantine
from . import sources as sources
