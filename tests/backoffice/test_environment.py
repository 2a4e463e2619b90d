"""`make run` before there is an environment: what is missing gets a clear sentence."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.once


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh checkout with nothing to install, and a PATH without any Python."""
    shutil.copy(ROOT / "environment.sh", tmp_path)
    (tmp_path / "requirements.txt").write_text("")
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "cat", "dirname", "mkdir", "ls"):
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    return tmp_path


def make(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "environment.sh", "requirements.txt"],
        cwd=checkout,
        env={"PATH": str(checkout / "bin")},
        capture_output=True,
        text=True,
    )


def put_python(checkout: Path, script: str) -> None:
    path = checkout / "bin" / "python3"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_no_python_gets_a_sentence(checkout):
    done = make(checkout)
    assert done.returncode == 2
    assert "Python 3.11, 3.12 or 3.13 is needed" in done.stderr


def test_old_python_is_named(checkout):
    put_python(checkout, '[ "$1" = --version ] && echo "Python 3.9.2" || exit 1')
    done = make(checkout)
    assert done.returncode == 2
    assert "found: Python 3.9.2" in done.stderr


def test_python_without_venv_gets_a_sentence(checkout):
    put_python(checkout, 'case "$2" in *venv*) exit 1;; esac')
    done = make(checkout)
    assert done.returncode == 2
    assert "apt install python3-venv" in done.stderr


def test_environment_is_made_once_and_again_when_the_list_changes(checkout):
    put_python(checkout, f'exec {sys.executable} "$@"')
    assert "Making the environment" in make(checkout).stdout
    assert make(checkout).stdout == ""
    (checkout / "requirements.txt").write_text("# another\n")
    again = make(checkout).stdout
    assert "Installing" in again
    assert "Making" not in again
