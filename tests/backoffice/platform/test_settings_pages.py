from __future__ import annotations

import re

import pytest
from django.urls import reverse

from backoffice.platform.admin.access import ApiClientForm
from backoffice.platform.admin.parameters import ParameterForm
from backoffice.platform.models import ApiClient, AuditEntry, Parameter, Schedule

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _one_of_several_values():
    Parameter.objects.create(name="hours", value={"from": "21:00"})


def change(client, row, **values):
    url = reverse(f"admin:platform_{row._meta.model_name}_change", args=[row.pk])
    return client.post(url, values)


@pytest.mark.parametrize(
    ("name", "given", "stored"),
    [
        ("fence_size", "100", 100),
        ("call_confidence", "0.7", 0.7),
        ("send_hour", "10:30", "10:30"),
        ("opt_out_words", "TD\n 退订 \n\nTD", ["TD", "退订"]),
        ("hours", '{"from": "22:00"}', {"from": "22:00"}),
        ("marketing_cap", '[{"count": 1, "hours": 24}]', [{"count": 1, "hours": 24}]),
    ],
)
def test_a_parameter_is_changed_and_on_record(staff_client, name, given, stored):
    parameter = Parameter.objects.get(name=name)
    change(staff_client, parameter, value=given)
    assert Parameter.read(name) == stored
    assert AuditEntry.objects.get(action="parameter.change").detail["now"] == stored


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("fence_size", "many"),
        ("fence_size", "-1"),
        ("repeat_minutes", "9" * 12),
        ("send_hour", "25:00"),
        ("opt_out_words", ""),
        ("hours", '{"until": "22:00"}'),
        ("hours", '{"from": "late"}'),
        ("marketing_cap", '{"count": 1, "hours": 24}'),
        ("marketing_cap", '[{"count": "two", "hours": 24}]'),
        ("marketing_cap", '[{"count": 2, "hours": NaN}]'),
        ("marketing_cap", '[{"count": 2, "hours": 1e12}]'),
    ],
)
def test_a_parameter_of_another_shape_is_refused(staff_client, name, given):
    parameter = Parameter.objects.get(name=name)
    assert change(staff_client, parameter, value=given).status_code == 200
    assert Parameter.objects.get(name=name).value == parameter.value


def schedule_values(**over):
    return {
        "expression": "0 3 * * *",
        "time_zone": "Asia/Shanghai",
        "missed": "skip",
        "is_enabled": "on",
    } | over


@pytest.mark.parametrize("expression", ["*/5 8-20 * * 1-5", "every 45 seconds"])
def test_a_schedule_takes_cron_fields_or_seconds(staff_client, expression):
    schedule = Schedule.objects.get(kind="customers.jobs.screen_all")
    change(staff_client, schedule, **schedule_values(expression=expression))
    schedule.refresh_from_db()
    assert schedule.expression == expression


@pytest.mark.parametrize(
    "wrong",
    [
        {"expression": "daily"},
        {"expression": "61 * * * *"},
        {"expression": "every 0 seconds"},
        {"expression": "0 0 31 2 *"},
        {"expression": "* * * * * *"},
        {"time_zone": "Moon/Base"},
        {"time_zone": "../etc/passwd"},
    ],
)
def test_a_schedule_that_never_runs_is_refused(staff_client, wrong):
    schedule = Schedule.objects.get(kind="customers.jobs.screen_all")
    assert change(staff_client, schedule, **schedule_values(**wrong)).status_code == 200


def shown_key(response):
    return re.search(r"bo_live_[\w-]+", response.content.decode())[0]


def test_an_api_key_is_shown_once_and_works(staff_client):
    values = {"name": "Partner", "scopes": ["notices:write"], "is_enabled": "on"}
    response = staff_client.post(reverse("admin:platform_apiclient_add"), values)
    client = ApiClient.by_key(shown_key(response))
    assert (client.name, client.scopes) == ("Partner", ["notices:write"])
    page = staff_client.get(
        reverse("admin:platform_apiclient_change", args=[client.pk])
    )
    assert "bo_live_" not in page.content.decode()


def test_a_new_api_key_ends_the_old_one(staff_client):
    client = ApiClient(name="Partner")
    old = client.issue_key()
    client.save()
    url = reverse("admin:platform_apiclient_key", args=[client.pk])
    assert "bo_live_" not in staff_client.get(url).content.decode()
    new = shown_key(staff_client.post(url, {"confirmed": "yes"}))
    assert ApiClient.by_key(old) is None
    assert ApiClient.by_key(new) == client


@pytest.mark.parametrize(
    "model",
    [
        "parameter",
        "schedule",
        "schedulerun",
        "apiclient",
        "auditentry",
        "import",
        "importmapping",
        "uploadedfile",
    ],
)
def test_every_list_opens(staff_client, model):
    url = reverse(f"admin:platform_{model}_changelist")
    assert staff_client.get(url).status_code == 200


def test_two_api_clients_cannot_share_a_source():
    form = ApiClientForm({"name": "A-B", "scopes": [], "is_enabled": True})
    ApiClient.objects.create(name="A B", key_id="k1")
    assert "A B" in form.errors["name"][0]


def test_a_size_of_nothing_is_refused():
    size = Parameter.objects.get(name="fence_size")
    assert not ParameterForm({"value": "0"}, instance=size).is_valid()
    assert ParameterForm({"value": "1"}, instance=size).is_valid()


def test_an_audit_entry_is_read_in_words(staff_client):
    values = {"customer_changed": True, "after": "mismatch", "sms": ["1", "2"]}
    AuditEntry.write(staff_client.user, "number corrected", **values)
    staff_client.cookies["django_language"] = "zh-hans"
    page = staff_client.get("/admin/platform/auditentry/").content.decode()
    said = ("客户资料已同步：是", "之后：不一致", "短信 ID：1、2")
    assert [words for words in said if words not in page] == []
