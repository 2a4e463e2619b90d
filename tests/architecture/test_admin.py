"""Staff find every kind of row in the admin, or there is a reason why not."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib import admin

from tests.architecture.source import APPS

ELSEWHERE = {
    "messaging.CallbackToken": "shown once when it is made; only its hash is kept",
    "messaging.AccountHealth": "a part of its account",
    "messaging.Route": "a part of its account",
    "messaging.WeightChange": "a part of its account",
    "messaging.ProviderReference": "a part of the life of an SMS",
    "messaging.Chunk": "how workers share the sending; a push shows its progress",
    "messaging.Pace": "a number by which workers share a rate",
    "messaging.TemplateVersion": "a part of its template",
    "messaging.Keyword": "a part of its message type",
    "messaging.TypeField": "a part of its message type",
    "tracking.ParameterSet": "a part of the tracking record",
    "tracking.ParameterValue": "a set made flat for searching",
    "tracking.ReadPosition": "a bookmark of a job",
    "tracking.DayRollup": "a roll-up that the user groups read",
    "customers.CustomerLabel": "a part of the customer",
    "customers.CreditFacts": "a part of the customer",
    "customers.CreditLine": "a part of the customer",
    "customers.RuleVersion": "a part of its rule",
    "customers.BusinessTypeAlias": "a part of its business type",
    "campaigns.ActivityField": "a part of its activity",
    "campaigns.EventParameter": "a part of its event type",
    "campaigns.PushPart": "how workers share a push",
    "campaigns.Verification": "a part of its sign-up",
    "platform.ReceivedItem": "makes a partner's repeat harmless",
    "platform.UploadedFile": "reached from its import",
}
OURS = [
    model._meta.label
    for model in apps.get_models()
    if model.__module__.split(".")[0] in APPS
]


@pytest.mark.parametrize("label", OURS)
def test_model_is_in_the_admin_or_known_not_to_be(label):
    is_registered = admin.site.is_registered(apps.get_model(label))
    assert is_registered or label in ELSEWHERE


def test_no_reason_is_left_over():
    assert ELSEWHERE.keys() <= set(OURS)
