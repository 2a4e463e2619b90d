"""What `make test` runs: every check, then the tests on each database that is there.

    python -m tests.run [--db sqlite|postgres] [--check | --chaos]

SQLite with an embedded Valkey always; PostgreSQL and Redis where they are reachable:
DATABASE_URL and REDIS_URL, or the local default ports. It says on which it ran. With
CI=true PostgreSQL is required and a skipped test fails the run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import redis

ROOT = Path(__file__).resolve().parent.parent
CODE = ("backoffice", "customers", "messaging", "tracking", "campaigns")
PYTHON = [sys.executable]
MANAGE = [sys.executable, "manage.py"]
TOOLS = Path(sys.executable).parent
# What they print is what they are run for: figures, and the seed to run them again.
CHAOS = ["--chaos", "-s"]

Outcome = tuple[str, bool, str]


def main() -> int:
    arguments = _arguments()
    os.chdir(ROOT)
    checks_too = arguments.db != "postgres" and not arguments.chaos
    outcomes = checks() if checks_too else []
    if not arguments.check:
        outcomes += tests(arguments.db, CHAOS if arguments.chaos else [])
    return _report(outcomes)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run every check and test.")
    parser.add_argument("--db", choices=["", "sqlite", "postgres"], default="")
    parser.add_argument("--check", action="store_true", help="no tests")
    parser.add_argument("--chaos", action="store_true", help="the large runs, alone")
    return parser.parse_args()


def _is_ci() -> bool:
    return bool(os.environ.get("CI"))


# --- checks -------------------------------------------------------------------


def checks() -> list[Outcome]:
    """Style, types, layers, migrations, deployment, translations, API document."""
    plain = _clean_env()
    public = plain | {"PUBLIC_BASE_URL": "https://backoffice.example"}
    deploy = ["check", "--deploy", "--fail-level", "WARNING"]
    return [
        _check("ruff", [str(TOOLS / "ruff"), "check", "."], plain),
        _check("format", [str(TOOLS / "ruff"), "format", "--check", "."], plain),
        _check("types", [str(TOOLS / "mypy"), *CODE], plain),
        _check("layers", [str(TOOLS / "lint-imports")], plain),
        _check("migrations", [*MANAGE, "makemigrations", "--check"], plain),
        _check("deployment", [*MANAGE, *deploy], public),
        _check("translations", [*PYTHON, "-m", "tests.translations"], plain),
        _openapi(plain),
    ]


def _clean_env() -> dict[str, str]:
    """Nothing set: the zero-set-up world, away from what `make run` keeps."""
    env = {
        k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")
    }
    return env | {"VAR_DIR": os.environ.get("VAR_DIR", str(ROOT / "var" / "test"))}


def _check(name: str, command: list[str], env: dict[str, str]) -> Outcome:
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"--- {name}\n{(done.stdout + done.stderr)[-6000:]}", flush=True)
    return name, done.returncode == 0, "ok" if done.returncode == 0 else "failed"


def _openapi(env: dict[str, str]) -> Outcome:
    """The committed API document is what the code says."""
    kept = ROOT / "docs" / "openapi.yaml"
    with tempfile.NamedTemporaryFile(suffix=".yaml") as made:
        command = ["spectacular", "--validate", "--fail-on-warn", "--file", made.name]
        name, good, word = _check("API document", [*MANAGE, *command], env)
        same = kept.exists() and kept.read_bytes() == Path(made.name).read_bytes()
    if good and not same:
        return name, False, f"docs/openapi.yaml differs: {' '.join(command[:-1])} it"
    return name, good, word


# --- tests --------------------------------------------------------------------


def tests(database: str, options: list[str]) -> list[Outcome]:
    outcomes = []
    if database != "postgres":
        outcomes.append(on_sqlite(options))
    if database != "sqlite":
        required = _is_ci() or database == "postgres"
        outcomes += on_postgres(options, required=required)
    return outcomes


def on_sqlite(options: list[str]) -> Outcome:
    return _pytest("SQLite + embedded Valkey", _clean_env(), options)


def on_postgres(options: list[str], *, required: bool) -> list[Outcome]:
    """The tests on PostgreSQL, or a sentence on why not."""
    url = _postgres()
    if not url:
        word = "not reachable: set DATABASE_URL, or start it on its default port"
        return [("tests on PostgreSQL", not required, f"skipped, {word}")]
    env = _clean_env() | {"DATABASE_URL": url}
    queue, reason = _redis()
    if queue:
        env["REDIS_URL"] = queue
    # Tests that do not depend on the database ran on SQLite.
    return [_pytest(f"PostgreSQL + {reason}", env, [*options, "-m", "not once"])]


def _postgres() -> str | None:
    """A server on which we may make a database: DATABASE_URL, or a local default."""
    local = ["postgres:///postgres", "postgres://postgres@127.0.0.1:5432/postgres"]
    given = os.environ.get("DATABASE_URL")
    return next(
        (url for url in ([given] if given else local) if _may_create(url)), None
    )


def _may_create(url: str) -> bool:
    may = "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
    try:
        with psycopg.connect(url, connect_timeout=3) as connection:
            row = connection.execute(may).fetchone()
    except psycopg.Error:
        return False
    return bool(row and row[0])


def _redis() -> tuple[str | None, str]:
    """An empty Redis database and its name; none where there is none to be had."""
    url = os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/15"
    try:
        used = redis.Redis.from_url(url, socket_connect_timeout=2).dbsize()
    except (redis.RedisError, OSError):
        return None, "embedded Valkey (no Redis reachable)"
    if used:
        return None, "embedded Valkey (the Redis database is not empty: not touched)"
    return url, "Redis"


def _pytest(name: str, env: dict[str, str], options: list[str]) -> Outcome:
    print(f"\n=== tests on {name}", flush=True)
    command = [*PYTHON, "-m", "pytest", "-q", "-ra", "--durations=5", *options]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        last = ""
        for line in run.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
    return f"tests on {name}", run.returncode == 0, last


# --- the end -------------------------------------------------------------------


def _report(outcomes: list[Outcome]) -> int:
    print("\n=== summary")
    for name, good, word in outcomes:
        print(f"{'ok  ' if good else 'FAIL'}  {name}: {word}")
    return 0 if all(good for _name, good, _word in outcomes) else 1


def _timed(work: Callable[[], int]) -> int:
    began = time.monotonic()
    code = work()
    print(f"{time.monotonic() - began:.0f} s", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(_timed(main))
