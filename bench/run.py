"""`make bench`: every benchmark, or `make bench ONLY=name`. Needs PostgreSQL.

Each prints `NAME VALUE UNIT (limit VALUE, ratio R)` and is kept in `bench/latest.json`.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import ground
from bench.results import keep

# A benchmark's figures -> the module whose `run()` measures them.
BENCHMARKS = {
    ("bulk_100", "bulk_growth", "worker_rss_mb"): "bench.bulk",
    ("bulk_1",): "bench.bulk_one",
    ("bulk_aged",): "bench.bulk_aged",
    ("bulk_sqlite",): "bench.bulk_sqlite",
    ("service_p95_s", "service_p95_one_worker_s"): "bench.lanes",
    ("receipts_100", "receipts_1"): "bench.receipts",
    ("smpp", "smpp_delivered"): "bench.smpp",
}


def main(only):
    chosen = [
        module for names, module in BENCHMARKS.items() if not only or only in names
    ]
    if not chosen:
        known = ", ".join(name for names in BENCHMARKS for name in names)
        sys.exit(f"There is no benchmark {only}. There are: {known}.")
    with ground.embedded(ground.on_postgres()):
        for module in chosen:
            results = importlib.import_module(module).run()
            keep(results)
            for result in results:
                print(result.line(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
