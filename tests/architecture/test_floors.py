"""Imports point down: what import-linter sees, and the dotted names it cannot see."""

from __future__ import annotations

import ast
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from backoffice.cron import KINDS
from backoffice.kit.jobs import resolves
from tests.architecture.source import APPS, ROOT, floor_of, modules, strings

DOTTED = re.compile(rf"(?:{'|'.join(APPS)})(?:\.[A-Za-z_]\w*){{2,}}")


@pytest.mark.once
def test_imports_point_down():
    command = [str(Path(sys.executable).with_name("lint-imports"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]


def dotted_names() -> list[tuple[str, str]]:
    return sorted(
        (module, text)
        for module, tree in modules().items()
        for text in set(strings(tree))
        if DOTTED.fullmatch(text)
    )


def found(name: str) -> bool:
    """Whether it is a module, or something in one."""
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


@pytest.mark.parametrize(("module", "name"), dotted_names())
def test_dotted_name_leads_to_something(module, name):
    assert found(name), f"{module} names {name}, which is not there"


@pytest.mark.parametrize(("module", "name"), dotted_names())
def test_dotted_name_points_down(module, name):
    # A job's name may stand on its own floor or above what it names.
    assert floor_of(name) <= floor_of(module)


def wake_ups() -> list[tuple[str, ast.Call]]:
    return [
        (module, node)
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "later"
    ]


def test_every_lane_that_is_written_is_one():
    written = {
        keyword.value.value
        for _module, call in wake_ups()
        for keyword in call.keywords
        if keyword.arg == "lane" and isinstance(keyword.value, ast.Constant)
    }
    assert written | set(KINDS.values()) <= set(settings.LANES)


@pytest.mark.parametrize("name", KINDS)
def test_periodic_work_exists(name):
    assert callable(resolves(name))
