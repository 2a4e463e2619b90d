from __future__ import annotations

import json

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from backoffice.kit.crypto import blind_index
from backoffice.platform.models import AuditEntry
from customers.models import (
    CompletionRequest,
    Consent,
    CreditSource,
    LabelChange,
    NoApplyInterval,
    Rule,
    ScreeningRun,
    Suppression,
)
from tests.builders import NOON, give_label, make_customer, screen_now, segment_of

pytestmark = pytest.mark.django_db


def url(model, page="changelist", *args):
    return reverse(f"admin:customers_{model}_{page}", args=args)


def act(client, model, action, *rows):
    """An action of the list, through its confirmation page, as a browser does it."""
    chosen = {"action": action, ACTION_CHECKBOX_NAME: [row.pk for row in rows]}
    form = client.post(url(model), chosen).context["form"]
    hidden = {field.html_name: field.value() for field in form}
    return client.post(url(model), hidden | {"confirmed": "yes"}, follow=True)


def overlay(**facts):
    customer = make_customer(facts=facts)
    give_label(customer, "overlay")
    screen_now()
    return customer


LISTS = [
    "customer", "label", "labelchange", "rule", "screeningrun", "noapplyinterval",
    "completionrequest", "businesstype", "consent", "suppression", "creditsource",
]  # fmt: skip


@pytest.mark.parametrize("model", LISTS)
def test_every_list_opens(staff_client, model):
    overlay(data_incomplete=True)
    assert staff_client.get(url(model)).status_code == 200


def test_the_customers_page_masks_name_and_phone(staff_client):
    customer = make_customer(phone="+8613800138000", name="Jan Novak")
    for page in (url("customer"), url("customer", "change", customer.pk)):
        text = staff_client.get(page).content.decode()
        assert "8000" in text
        assert "13800138000" not in text
        assert "Novak" not in text


def test_the_list_of_customers_asks_no_query_a_row(
    staff_client, django_assert_max_num_queries
):
    for _ in range(12):
        give_label(make_customer(), "heavy")
    with django_assert_max_num_queries(15):
        staff_client.get(url("customer"))


def test_a_customer_is_found_by_number_even_one_like_a_phone(staff_client):
    make_customer(external_id="1380013800")
    make_customer(external_id="2")
    page = staff_client.get(url("customer"), {"q": "1380013800"})
    assert page.context["cl"].result_count == 1


def test_a_phone_is_not_searched_for_in_the_address(staff_client):
    make_customer(phone="+8613800138000")
    page = staff_client.get(url("customer"), {"q": "13800138000"})
    assert page.context["cl"].result_count == 0
    assert "Phone numbers never go into an address" in page.content.decode()


def test_a_reveal_is_on_record_with_its_reason(staff_client):
    customer = make_customer(phone="+8613800138000")
    page = reverse("admin:customers_customer_reveal", args=[customer.pk])
    answer = staff_client.post(page, {"confirmed": "yes", "reason": "complaint 7"})
    assert "+8613800138000" in answer.content.decode()
    assert AuditEntry.objects.get(action="reveal").reason == "complaint 7"


def test_nobody_is_at_an_address_of_nonsense(staff_client):
    page = reverse("admin:customers_customer_reveal", args=["x"])
    assert staff_client.get(page).status_code == 404


def rule_values(rule, **over):
    return {
        "code": rule.code,
        "position": rule.position,
        "is_enabled": "on",
        "description": rule.description,
        "description_zh": rule.description_zh,
        "from_label": rule.from_label_id or "",
        "came_from": rule.came_from_id or "",
        "condition": json.dumps(rule.condition),
        "action": rule.action,
        "to_label": rule.to_label_id or "",
        "no_apply_days": rule.no_apply_days or "",
        "versions-TOTAL_FORMS": 0,
        "versions-INITIAL_FORMS": 0,
    } | over


def save_rule(client, rule, **over):
    return client.post(url("rule", "change", rule.pk), rule_values(rule, **over))


@pytest.mark.requirement("B8")
def test_staff_edit_a_rule_and_its_former_version_stays(staff_client):
    rule = Rule.objects.get(code="worse_credit")
    condition = {"fact": "controlled", "is": True}
    save_rule(staff_client, rule, condition=json.dumps(condition))
    people = [make_customer(facts={name: True}) for name in ("controlled", "diverted")]
    for person in people:
        give_label(person, "heavy")
    screen_now()
    assert [segment_of(person) for person in people] == ["light", "heavy"]
    assert LabelChange.objects.get().rule_version == 2
    assert [v.version for v in rule.versions.order_by("version")] == [1, 2]
    assert rule.versions.get(version=2).definition["opens_completion"] is False


@pytest.mark.parametrize(
    ("field", "over"),
    [
        ("condition", {"condition": '{"fact": "rich", "is": true}'}),
        ("condition", {"condition": "{"}),
        ("condition", {"condition": '{"all": 1}'}),
        ("to_label", {"to_label": ""}),
        ("no_apply_days", {"action": "no_apply"}),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(staff_client, field, over):
    rule = Rule.objects.get(code="worse_credit")
    form = save_rule(staff_client, rule, **over).context["adminform"].form
    assert field in form.errors
    assert Rule.objects.get(pk=rule.pk).version == 1


def test_a_rule_is_shown_in_words(staff_client):
    page = staff_client.get(url("rule")).content.decode()
    assert "has an open heavy-asset line and not has an open light-asset line" in page


@pytest.mark.requirement("B2")
def test_screening_by_button_runs_as_a_job_and_lists_its_result(staff_client, queued):
    customer = make_customer(lines=["heavy"])
    page = staff_client.get(url("screeningrun", "screen"))
    assert segment_of(customer) is None
    assert page.context["facts"][0][1] == 1
    staff_client.post(
        url("screeningrun", "screen"), {"confirmed": "yes", "scope": "all"}
    )
    queued.run_all()
    run = ScreeningRun.objects.get()
    assert (run.started_by, run.changed_count) == (staff_client.user, 1)
    shown = staff_client.get(url("screeningrun", "change", run.pk)).content.decode()
    assert "A heavy-asset line only" in shown


def test_a_screening_under_way_is_not_begun_again(staff_client, queued):
    for _ in range(2):
        staff_client.post(
            url("screeningrun", "screen"), {"confirmed": "yes", "scope": "all"}
        )
    assert ScreeningRun.objects.count() == 1


def test_who_may_only_look_cannot_screen(client):
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_screeningrun"))
    client.force_login(viewer)
    values = {"confirmed": "yes", "scope": "all"}
    assert client.post(url("screeningrun", "screen"), values).status_code == 403
    assert not ScreeningRun.objects.exists()


@pytest.mark.requirement("B5")
def test_staff_finish_a_completion_request_and_the_mark_ends(staff_client):
    customer = overlay(data_incomplete=True)
    act(staff_client, "completionrequest", "done", CompletionRequest.objects.get())
    assert CompletionRequest.objects.get().done_by == staff_client.user
    assert customer.no_apply.get().ended_at
    customer.credit.refresh_from_db()
    assert not customer.credit.data_incomplete


def test_nothing_happens_before_the_confirmation(staff_client):
    overlay(data_incomplete=True)
    request = CompletionRequest.objects.get()
    chosen = {"action": "done", ACTION_CHECKBOX_NAME: [request.pk]}
    staff_client.post(url("completionrequest"), chosen)
    assert CompletionRequest.objects.get().done_at is None


def test_several_intervals_end_early_at_once(staff_client):
    overlay(in_maintenance=True, in_funder_blackout=True)
    NoApplyInterval.objects.update(end_at="2099-01-01T00:00Z")
    act(staff_client, "noapplyinterval", "end_early", *NoApplyInterval.objects.all())
    assert not NoApplyInterval.objects.filter(ended_at=None).exists()
    assert AuditEntry.objects.get(action="no_apply.end").detail == {"intervals": 2}


def test_all_of_a_long_list_are_chosen_without_naming_each(staff_client):
    consents = [make_customer(consent=True).consents.get() for _n in range(3)]
    chosen = {"action": "withdraw", "select_across": "1"}
    chosen |= {ACTION_CHECKBOX_NAME: [consents[0].pk]}
    form = staff_client.post(url("consent"), chosen).context["form"]
    hidden = {field.html_name: field.value() for field in form}
    assert len(hidden[ACTION_CHECKBOX_NAME]) == 1
    staff_client.post(url("consent"), hidden | {"confirmed": "yes"})
    assert not Consent.objects.filter(withdrawn_at=None).exists()


def test_a_consent_is_withdrawn(staff_client):
    customer = make_customer(consent=True)
    act(staff_client, "consent", "withdraw", customer.consents.get())
    assert Consent.objects.get().withdrawn_at


def suppress(client, phone, scope="marketing"):
    values = {"phone": phone, "scope": scope, "reason": "asked by letter"}
    return client.post(url("suppression", "add"), values)


def test_a_number_is_suppressed_and_not_kept(staff_client):
    suppress(staff_client, "138 0013 8000")
    row = Suppression.objects.get()
    assert bytes(row.phone_index) == blind_index("+8613800138000")
    assert "13800138000" not in staff_client.get(url("suppression")).content.decode()


def test_numbers_let_go_together_are_on_record_one_by_one(staff_client):
    for phone in ("+8613800138000", "+8613800138001"):
        Suppression.add(phone, scope="marketing", reason="x", now=NOON)
    rows = list(Suppression.objects.values_list("pk", flat=True))
    chosen = {"action": "delete_selected", ACTION_CHECKBOX_NAME: rows, "post": "yes"}
    staff_client.post(url("suppression"), chosen)
    assert not Suppression.objects.exists()
    assert AuditEntry.objects.filter(action="suppression.delete").count() == 2


@pytest.mark.parametrize("phone", ["123", "138 0013 8000"])
def test_a_wrong_or_repeated_number_is_refused(staff_client, phone):
    Suppression.add("+8613800138000", scope="marketing", reason="x", now=NOON)
    form = suppress(staff_client, phone).context["adminform"].form
    assert "phone" in form.errors
    assert Suppression.objects.count() == 1


def test_the_secret_of_a_source_is_written_and_never_shown(staff_client):
    values = {"name": "bureau", "url": "https://example.org/", "is_enabled": "on"}
    staff_client.post(url("creditsource", "add"), values | {"new_secret": "s3cret"})
    source = CreditSource.objects.get()
    page = url("creditsource", "change", source.pk)
    staff_client.post(page, values | {"new_secret": ""})
    source.refresh_from_db()
    assert source.secret == "s3cret"
    assert "s3cret" not in staff_client.get(page).content.decode()
