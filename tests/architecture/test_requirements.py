"""Every numbered requirement is cited by a test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

REQUIREMENTS = ROOT.parent / "shared" / "requirements.md"
NUMBERS = {
    *(f"A{n}" for n in range(1, 7)),
    *(f"B{n}" for n in range(1, 9)),
    *(f"C{n}" for n in range(1, 8)),
    *(f"D{n}" for n in range(1, 9)),
    *(f"E{n}" for n in range(1, 10)),
    *("X1", "X2"),
}


def cited() -> set[str]:
    """The numbers in `pytest.mark.requirement(...)` of all test files."""
    numbers = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
                "mark.requirement"
            ):
                numbers |= {one.value for one in node.args}
    return numbers


def test_no_requirement_goes_without_a_test():
    assert NUMBERS - cited() == set()


def test_no_test_cites_what_is_not_required():
    assert cited() - NUMBERS == set()


def test_the_list_is_that_of_the_document():
    if not REQUIREMENTS.exists():
        pytest.skip(f"{REQUIREMENTS} is not here")
    text = REQUIREMENTS.read_text(encoding="utf-8")
    assert set(re.findall(r"^- ([A-EX]\d+) ", text, re.M)) == NUMBERS
