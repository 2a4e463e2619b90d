"""Codes that staff see have words, and the words that the code ships have Chinese."""

from __future__ import annotations

import ast

import pytest
from django.utils import translation
from django.utils.translation import gettext

from backoffice.cron import KINDS, WORDS
from backoffice.platform.models import Parameter
from backoffice.platform.models.access import ACTIONS
from customers.models import Label, Rule
from messaging.models import MessageType
from tests.architecture.source import modules


def _recorded_actions():
    for tree in modules().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
                "AuditEntry.write"
            ):
                yield from (
                    given.value
                    for given in node.args[1:2]
                    if isinstance(given, ast.Constant)
                )


def test_every_audited_action_has_words():
    assert set(_recorded_actions()) <= set(dict(ACTIONS))


def test_every_kind_of_periodic_work_has_words():
    assert KINDS.keys() == WORDS.keys()


@pytest.mark.django_db
def test_every_shipped_parameter_is_explained_in_chinese():
    with translation.override("zh-hans"):
        bare = [
            row.name
            for row in Parameter.objects.all()
            if gettext(row.description) == row.description
        ]
    assert bare == []


@pytest.mark.django_db
def test_every_shipped_row_has_a_chinese_name():
    with translation.override("zh-hans"):
        rows = [*Label.objects.all(), *Rule.objects.all(), *MessageType.objects.all()]
        assert [str(row) for row in rows if str(row).isascii()] == []
