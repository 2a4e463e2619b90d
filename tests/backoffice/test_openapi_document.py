from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

pytestmark = pytest.mark.once

COMMITTED = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "openapi.yaml"
    call_command("spectacular", "--validate", "--fail-on-warn", file=str(path))
    return path.read_text()


def test_the_committed_document_is_the_code_s(written):
    assert written == COMMITTED.read_text(), (
        "manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml"
    )


def test_every_operation_wants_a_key_and_tells_its_problems(written):
    operations = written.count("operationId:")

    assert operations == written.count("- key: []")
    assert written.count("'401':") == operations
