"""Starts the simulator; says on which port it listens; ends on SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import errno
import logging
import signal
import sys
from pathlib import Path

from aiohttp import web

from .app import build
from .seed import BadSeed, Seed

EXIT_CANNOT_START = 2
SECONDS_TO_END = 1.0


def main() -> int:
    options = _options()
    logging.basicConfig(level=logging.INFO, format="simulator: %(message)s")
    try:
        asyncio.run(_serve(options))
    except (BadSeed, OSError) as error:
        sys.stderr.write(f"{_sentence(error, options.port)}\n")
        return EXIT_CANNOT_START
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m backoffice.simulator")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8070, help="0: any free one")
    parser.add_argument("--seed", type=Path, default=Path("var/simulator.json"))
    parser.add_argument("--fast", action="store_true", help="no delays")
    return parser.parse_args()


async def _serve(options: argparse.Namespace) -> None:
    app = build(Seed(options.seed, fast=options.fast))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SECONDS_TO_END)
    await runner.setup()
    end = _end_on_signal()  # before anybody is told that it runs
    try:
        await web.TCPSite(runner, options.host, options.port).start()
        sys.stdout.write(f"simulator listens on http://{_address(runner)}\n")
        sys.stdout.flush()
        await end.wait()
    finally:
        await runner.cleanup()


def _address(runner: web.AppRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"{host}:{port}"


def _end_on_signal() -> asyncio.Event:
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    return end


def _sentence(error: Exception, port: int) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return (
            f"The simulator cannot start: port {port} is already in use. "
            "End what uses it, or choose another with --port."
        )
    return f"The simulator cannot start: {error}"


if __name__ == "__main__":
    sys.exit(main())
