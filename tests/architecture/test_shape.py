"""Functions short, files about one thing, imports at the top, no drawer for anything."""

from __future__ import annotations

import ast
import statistics

import pytest

from tests.architecture.source import APPS, ROOT, modules

NO_DRAWERS = {"services", "utils", "helpers", "managers", "signals", "misc", "common"}
# Registering checks needs loaded apps; manage.py must say what lacks before Django does.
LATE_IMPORTS = {"backoffice.apps"}
LONGEST_FILE, LONGEST_FUNCTION = 400, 40

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions() -> list[tuple[str, Function]]:
    return [
        (module, node)
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, Function)
    ]


def body_lines(function: Function) -> int:
    """From the first line of its body to the last, the docstring apart."""
    body = function.body
    if ast.get_docstring(function, clean=False) is not None:
        body = body[1:]
    if not body:
        return 0
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def test_no_file_is_a_drawer():
    paths = [path for app in APPS for path in (ROOT / app).rglob("*.py")]
    assert not [path for path in paths if path.stem in NO_DRAWERS]


def test_files_are_about_one_thing():
    paths = [path for app in APPS for path in (ROOT / app).rglob("*.py")]
    lengths = {
        str(path.relative_to(ROOT)): path.read_text().count("\n")
        for path in paths
        if "migrations" not in path.parts
    }
    assert {name for name, count in lengths.items() if count > LONGEST_FILE} == set()


def test_functions_are_short():
    lengths = {f"{module}.{one.name}": body_lines(one) for module, one in functions()}
    assert {name for name, n in lengths.items() if n > LONGEST_FUNCTION} == set()
    deciles = statistics.quantiles(lengths.values(), n=10)
    assert (statistics.median(lengths.values()) <= 8, deciles[8] <= 25) == (True, True)


@pytest.mark.parametrize("module", sorted(modules().keys() - LATE_IMPORTS))
def test_imports_stand_at_the_top(module):
    late = [
        node.lineno
        for function in ast.walk(modules()[module])
        if isinstance(function, Function)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not late
