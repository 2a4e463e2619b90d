"""Whether the Chinese texts are complete, and compiled as they stand."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import polib

ROOT = Path(__file__).resolve().parent.parent
PO = Path("locale/zh_Hans/LC_MESSAGES/django.po")
SOURCES = ("backoffice", "customers", "messaging", "tracking", "campaigns", "locale")

Texts = dict[tuple[str, str | None], object]


def problems() -> list[str]:
    """What is wrong, a sentence each; none when all is well."""
    if not (ROOT / PO).exists():
        return [f"{PO} is missing: make messages"]
    entries = polib.pofile(str(ROOT / PO))
    found = [f"untranslated: {e.msgid!r}" for e in entries.untranslated_entries()]
    found += [f"fuzzy: {e.msgid!r}" for e in entries.fuzzy_entries()]
    if not _same_as_compiled(entries):
        found.append("django.mo is not what django.po says: make messages")
    found += [f"not in django.po: {text!r}: make messages" for text in _new(entries)]
    return found


def _texts(entries: list[polib.POEntry]) -> Texts:
    return {(e.msgid, e.msgctxt): e.msgstr_plural or e.msgstr for e in entries}


def _same_as_compiled(entries: polib.POFile) -> bool:
    compiled = ROOT / PO.with_suffix(".mo")
    if not compiled.exists():
        return False
    kept = [e for e in entries if e.translated()]
    return _texts(kept) == _texts(list(polib.mofile(str(compiled))))


def _new(entries: polib.POFile) -> list[str]:
    """Texts of the code that the catalogue does not know; needs gettext."""
    if not shutil.which("xgettext"):
        return []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        ignored = shutil.ignore_patterns("__pycache__", "*.wav")
        for name in SOURCES:
            shutil.copytree(ROOT / name, copy / name, ignore=ignored)
        command = ["makemessages", "-l", "zh_Hans", "--no-location", "--no-obsolete"]
        subprocess.run(
            [sys.executable, "-m", "django", *command],
            cwd=copy,
            check=True,
            capture_output=True,
        )
        collected = _texts(list(polib.pofile(str(copy / PO))))
    return sorted(msgid for msgid, _context in collected.keys() - _texts(list(entries)))


if __name__ == "__main__":
    wrong = problems()
    print("\n".join(wrong[:20]))
    if len(wrong) > 20:
        print(f"... {len(wrong)} in all")
    sys.exit(bool(wrong))
