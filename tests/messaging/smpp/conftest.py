from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.smsc_process import NotInstalled, running_smsc


@pytest.fixture
def smsc():
    """Starts an SMSC in a mood: `smsc(tps=100)`."""
    with ExitStack() as stack:

        def start(**mood):
            try:
                return stack.enter_context(running_smsc(**mood))
            except NotInstalled as reason:
                pytest.skip(str(reason))

        yield start
