"""What renderer 1 makes of a table of templates: these bytes may never change.

A message is worked out again years later from its template version, values and
signature. Whoever needs another byte raises RENDERER_VERSION and keeps the old way.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.utils import timezone

from messaging.models import Message
from messaging.rendering import RENDERER_VERSION, compile_template
from tests.builders import make_chunk, make_customer, make_message_type, make_template

GOLDEN = json.loads(
    Path(__file__).with_name("golden_texts.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", GOLDEN["1"], ids=lambda case: case["template"][:20])
def test_renderer_one_makes_these_very_bytes(case: dict):
    compiled = compile_template(
        case["template"], signature=case["signature"], footer=case["footer"], version=1
    )
    assert compiled.render(case["values"]).encode().hex() == case["utf8"]


def test_every_renderer_has_its_table():
    assert [*GOLDEN] == [str(n) for n in range(1, RENDERER_VERSION + 1)]


def test_a_renderer_that_is_not_here_is_no_guess():
    with pytest.raises(ValueError, match="no renderer 99"):
        compile_template("Hi", version=99)


@pytest.mark.django_db
def test_a_message_keeps_what_its_text_is_made_of():
    kind = make_message_type()
    template = make_template("Hello {name}", message_type=kind).template
    chunk = make_chunk(make_customer(), version=template.current)
    message = Message.objects.get(chunk=chunk)
    Message.objects.filter(pk=message.pk).update(signature="Bank")
    template.publish("Other", now=timezone.now())
    kind.__class__.objects.filter(pk=kind.pk).update(purpose="service")
    message = Message.objects.get(pk=message.pk)
    assert message.text() == "【Bank】Hello Li Lei Reply STOP to opt out"
