from __future__ import annotations

from django.utils import translation

from backoffice.kit.clock import database_now
from backoffice.kit.jobs import later

from . import imports
from .models import Import

CHECK = "backoffice.platform.jobs.check_import"
COMMIT = "backoffice.platform.jobs.commit_import"
# One job's share: well inside its time limit at any size of file.
CHUNKS_A_JOB = 40


def check_import(import_id: int) -> dict[str, int]:
    """Check a file too big to be checked while somebody waits for the page."""
    import_ = Import.objects.select_related("file").get(pk=import_id)
    with translation.override(import_.options.get("language")):
        imports.check(import_)
    return {"rows": import_.counts["rows"]}


def commit_import(import_id: int) -> dict[str, int]:
    """Store the next share of an import, and ask for another while there is more."""
    done = imports.commit(import_id, now=database_now(), most=CHUNKS_A_JOB)
    if not done:
        later(COMMIT, import_id)
    return {"done": int(done)}


def sweep_imports() -> dict[str, int]:
    """Wake imports whose wake-up was lost, or whose worker was killed."""
    now = database_now()
    left = Import.objects.standing(now).values_list("pk", "status")
    for pk, status in (found := list(left)):
        Import.objects.filter(pk=pk).update(moved_at=now)
        later(COMMIT if status == Import.Status.COMMITTING else CHECK, pk)
    return {"woken": len(found)}
