"""The house's own source, parsed once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# From left to right: a floor may name only itself and what stands before it.
FLOORS = [
    "backoffice.kit",
    "backoffice.platform",
    "customers",
    "messaging",
    "tracking",
    "campaigns",
    "backoffice",
]
APPS = ("backoffice", "customers", "messaging", "tracking", "campaigns")


@cache
def modules() -> dict[str, ast.Module]:
    """Dotted name -> syntax tree of every module of ours, migrations apart."""
    found = {}
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if "migrations" not in parts:
                name = ".".join(part for part in parts if part != "__init__")
                found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def floor_of(name: str) -> int:
    """The place of a dotted name among the floors; the longest match counts."""
    fitting = [f for f in FLOORS if name == f or name.startswith(f"{f}.")]
    return FLOORS.index(max(fitting, key=len))


def strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
