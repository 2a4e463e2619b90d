from __future__ import annotations

from . import business, credit, customers, labels, marks, permission, rules, runs

__all__ = [
    "business",
    "credit",
    "customers",
    "labels",
    "marks",
    "permission",
    "rules",
    "runs",
]
