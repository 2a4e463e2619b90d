#!/bin/sh
# Makes .venv from a requirements file, with the first Python 3.11-3.13 that is found.
#   sh environment.sh requirements.txt
# Does nothing when it was made from the same files already.
set -eu
wanted=$1
say() { echo "$*" >&2; }

[ -w . ] || { say "This folder is read-only: $(pwd). Copy it to a folder of yours."; exit 2; }

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

contents=$(cat requirements.txt "$wanted" && echo "$wanted")
stamp=.venv/.made-from-$wanted
if [ -f "$stamp" ] && fits .venv/bin/python && [ "$contents" = "$(cat "$stamp")" ]; then
    exit 0
fi

if ! fits .venv/bin/python; then
    found=
    for python in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3.13 python3 python; do
        if fits "$python"; then found=$python; break; fi
    done
    if [ -z "$found" ]; then
        have=$( (python3 --version || python --version) 2>/dev/null || echo "none")
        say "Python 3.11, 3.12 or 3.13 is needed and none is on the PATH (found: $have)."
        say "Install one (apt install python3.11 python3.11-venv, brew install python@3.12),"
        say "or name it: make run PYTHON=/path/to/python3.12"
        exit 2
    fi
    "$found" -c 'import venv, ensurepip' 2>/dev/null || {
        say "This Python has no venv module. On Debian and Ubuntu: apt install python3-venv"
        exit 2
    }
    echo "Making the environment in .venv with $("$found" --version)"
    "$found" -m venv --clear .venv
fi

echo "Installing what $wanted lists (about a minute)"
.venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check -r "$wanted" || {
    say "The installation failed; the lines above say why. Is the package index reachable?"
    exit 2
}
echo "$contents" > "$stamp"
