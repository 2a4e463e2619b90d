"""Tracking parameters (E7) as lines that staff write: `name=value`, children indented."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from tracking.records import Tree, check_tree

_STEP = 2


def parse_tree(text: str) -> Tree:
    """Lines to a tree. Raises ValueError that names the line or the parameter."""
    root: Tree = []
    above: list[tuple[int, dict[str, Any]]] = []
    for number, line in enumerate(text.expandtabs(_STEP).splitlines(), start=1):
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        while above and above[-1][0] >= indent:
            above.pop()
        node = _node(line, number)
        siblings = above[-1][1].setdefault("children", []) if above else root
        siblings.append(node)
        above.append((indent, node))
    check_tree(root)
    return root


def _node(line: str, number: int) -> dict[str, Any]:
    name, mark, value = (part.strip() for part in line.partition("="))
    if not (name and mark and value):
        raise ValueError(_("Line %d: write name=value.") % number)
    return {"name": name, "value": value}


def write_tree(tree: Tree, depth: int = 0) -> str:
    """A tree as the lines that `parse_tree` reads."""
    lines = []
    for node in tree:
        lines.append(f"{' ' * _STEP * depth}{node['name']}={node['value']}")
        if node.get("children"):
            lines.append(write_tree(node["children"], depth + 1))
    return "\n".join(lines)
