"""What comes back from a peer, whatever it is."""

from __future__ import annotations

import pytest

from backoffice.kit.http import Answer


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[" * 100_000])
def test_an_answer_that_is_no_json_is_none(body):
    assert Answer(200, body).json() is None
