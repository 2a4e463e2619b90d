from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

LATEST = Path(__file__).parent / "latest.json"


@dataclass(frozen=True)
class Result:
    """A figure beside its limit: a peer or bare pipeline of the same run, or a bound."""

    name: str
    value: float
    unit: str
    limit: float

    @property
    def ratio(self):
        return self.value / self.limit

    def line(self):
        return f"{self.name} {self.value:,.1f} {self.unit} (limit {self.limit:,.1f}, ratio {self.ratio:.2f})"


def keep(results):
    """Add results to `bench/latest.json`, each with its commit and time."""
    known = json.loads(LATEST.read_text()) if LATEST.exists() else {}
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    for result in results:
        known[result.name] = {
            **asdict(result), "ratio": round(result.ratio, 3), "commit": commit,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }  # fmt: skip
        del known[result.name]["name"]
    LATEST.write_text(json.dumps(known, indent=1) + "\n")
