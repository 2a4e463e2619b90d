from __future__ import annotations

import pytest

from campaigns.models import MarketingEvent
from campaigns.readiness import NotReady, require_ready
from messaging.models import ForbiddenWord, ProviderAccount, ProviderTemplate
from tests.builders import make_account
from tests.campaigns.world import NOW, make_event

pytestmark = pytest.mark.django_db


def problems(event: MarketingEvent) -> list[str]:
    try:
        require_ready(event, now=NOW)
    except NotReady as error:
        return error.problems
    return []


def make_cloud() -> ProviderAccount:
    return make_account(transport="aliyun")


def approve(event: MarketingEvent, account: ProviderAccount) -> None:
    ProviderTemplate.objects.create(
        version=event.template.current,
        account=account,
        sign_name="Bank",
        code="SMS_1",
        variables=[[name, name] for name in event.template.current.fields],
        state="approved",
    )


def test_a_text_that_no_provider_has_approved_cannot_start():
    make_cloud()
    assert "No account may send version 1 of the template" in problems(make_event())[0]


def test_an_approved_text_can_start():
    event = make_event()
    approve(event, make_cloud())
    assert problems(event) == []


def test_a_text_channel_needs_no_approval():
    make_cloud()
    make_account()
    assert problems(make_event()) == []


def test_a_link_in_a_variable_cannot_go_over_template_channels_alone():
    event = make_event(
        text="{name}, {rate}%: {link}", link_target="https://bank.example/a"
    )
    approve(event, make_cloud())
    assert "refuse a link in a variable" in problems(event)[0]
    make_account()
    assert problems(event) == []


def test_a_forbidden_word_does_not_come_in_by_a_value():
    ForbiddenWord.objects.create(word="5")
    ForbiddenWord.objects.create(word="off", effect="warn")
    said = problems(make_event())
    assert said == ["“5” must not stand in a text: change “rate”."]
