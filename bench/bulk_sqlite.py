"""`bulk_sqlite`: an event of 100,000 on SQLite and the embedded queue, 100 a request.

A process of its own: Django speaks to one database.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import ground
from bench.results import Result

ROWS = 100_000


def run():
    folder = ground.HERE / "data" / "sqlite"
    shutil.rmtree(folder, ignore_errors=True)
    keep = ("DATABASE_URL", "REDIS_URL", "VAR_DIR")
    env = {name: value for name, value in os.environ.items() if name not in keep}
    measured = subprocess.check_output(
        [sys.executable, "-m", "bench.bulk_sqlite"], env=env | {"VAR_DIR": str(folder)}
    )
    ours, bare = json.loads(measured.splitlines()[-1])
    return [Result("bulk_sqlite", ours, "messages/s", bare)]


def measure():
    from bench import campaign

    with tempfile.TemporaryDirectory() as folder, ground.sink() as port:
        command = [sys.executable, "-m", "bench.limits.bulk_sqlite"]
        options = [f"{folder}/bare.sqlite3", str(port), str(ROWS)]
        bare = float(subprocess.check_output([*command, *options]))
    print(json.dumps([campaign.run(ROWS).rate, bare]))


if __name__ == "__main__":
    with ground.embedded(ground.on_sqlite()):
        measure()
