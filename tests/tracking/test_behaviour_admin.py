from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from backoffice.platform.models import AuditEntry
from customers.models import BusinessType, BusinessTypeAlias
from tests.builders import make_business_type, make_customer, make_source
from tracking.models import (
    BehaviourFile,
    BehaviourRecord,
    BehaviourSource,
    QuarantinedRow,
)
from tracking.sources.files import scan

pytestmark = pytest.mark.django_db
PAGES = "/admin/tracking/"
FORM = {
    "name": "orders",
    "kind": "files",
    "is_enabled": "on",
    "customer_source": "bank",
    "url": "memory://orders",
    "pattern": "*.asc",
    "interval_seconds": "60",
    "column_external_id": "account_id",
    "column_business_type": "k_symbol",
    "attributes": "bank = bank_to",
    "words_without_type": "NIC\n",
    "date_format": "%y%m%d",
    "time_zone": "Asia/Shanghai",
    "new_options": '{"password": "hush"}',
}


@pytest.fixture
def scanned(tmp_path):
    """A file with a good row, two rows of an unknown word and a formula."""
    make_business_type("household")
    make_customer(external_id="1")
    (tmp_path / "a.csv").write_text(
        "user;type;sum\n1;household;5\n2;SIPO;5\n3;SIPO;=1+1\n"
    )
    source = make_source(url=f"file://{tmp_path}")
    scan(source, timezone.now() + timedelta(minutes=5))
    return source


def post_form(client, pk="add", **over):
    page = f"{PAGES}behavioursource/{pk}/" + ("" if pk == "add" else "change/")
    return client.post(page, {**FORM, **over}, follow=True)


@pytest.mark.requirement("C1")
def test_staff_say_which_column_is_which(staff_client):
    post_form(staff_client)
    source = BehaviourSource.objects.get()
    assert source.columns == {
        "external_id": "account_id",
        "business_type": "k_symbol",
        "attribute_bank": "bank_to",
    }
    assert source.ignored_words == ["NIC"]


def test_connection_options_are_kept_and_never_shown(staff_client):
    post_form(staff_client)
    source = BehaviourSource.objects.get()
    page = staff_client.get(f"{PAGES}behavioursource/{source.pk}/change/")
    assert b"hush" not in page.content
    assert b"k_symbol" in page.content
    post_form(staff_client, source.pk, new_options="")
    assert json.loads(BehaviourSource.objects.get().options) == {"password": "hush"}


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"column_external_id": ""}, "Say which column names the customer."),
        ({"attributes": "bank"}, "write name = column"),
        ({"new_options": "[1]"}, "not a JSON object"),
        ({"time_zone": "Mars"}, "No such time zone"),
        ({"date_format": "%y%m"}, "year, month and day"),
        ({"url": ""}, "Say which folder is scanned."),
    ],
)
def test_a_bad_input_is_named(staff_client, over, words):
    assert words in post_form(staff_client, **over).content.decode()
    assert not BehaviourSource.objects.exists()


@pytest.mark.requirement("C1")
def test_a_source_is_tested_with_one_click(staff_client):
    page = post_form(staff_client, url="file:///nowhere/at/all", _test="1")
    assert "The folder does not exist." in page.content.decode()


def test_a_scan_is_asked_for_with_one_click(staff_client, scanned, queued):
    post_form(staff_client, scanned.pk, _scan="1")
    assert queued.jobs == [("tracking.jobs.scan_source", (scanned.pk,), "default")]


@pytest.mark.parametrize(
    "page",
    [
        "behavioursource/",
        "behavioursource/add/",
        "behaviourfile/",
        "quarantinedrow/?reason=4&resolved_at__isempty=1",
        "behaviourrecord/?customer__isempty=1",
        "usergroup/",
        "usergroup/?business_type__id__exact=1",
        "dayrollup/?kind__exact=record",
    ],
)
def test_every_page_opens(staff_client, scanned, page):
    assert staff_client.get(PAGES + page).status_code == 200


@pytest.mark.requirement("C3")
def test_the_user_group_table_leads_to_the_members(staff_client, scanned):
    kind = BusinessType.objects.get()
    page = staff_client.get(f"{PAGES}usergroup/").content.decode()
    assert f'<a href="?business_type__id__exact={kind.pk}">1</a>' in page


def test_a_file_leads_to_its_rows_set_aside(staff_client, scanned):
    file = BehaviourFile.objects.get()
    page = staff_client.get(f"{PAGES}behaviourfile/").content.decode()
    link = f"quarantinedrow/?file__id__exact={file.pk}"
    assert link in page
    assert staff_client.get(PAGES + link).status_code == 200


def test_a_refused_file_is_read_again(staff_client, scanned):
    BehaviourFile.objects.update(status="refused", position=0)
    act(staff_client, "behaviourfile", "read_again", BehaviourFile.objects.all())
    assert BehaviourFile.objects.get().status == "reading"


def act(client, model, action, rows):
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(f"{PAGES}{model}/", data, follow=True)


@pytest.mark.requirement("C2")
def test_an_unknown_word_is_added_as_a_type_and_its_rows_are_fed(staff_client, scanned):
    rows = QuarantinedRow.objects.all()
    page = act(staff_client, "quarantinedrow", "add_type", rows)
    assert "SIPO" in page.content.decode()
    data = {"confirmed": "yes", "code": "loan", "name": "Loan"}
    staff_client.post(page.redirect_chain[-1][0], data)
    alias = BusinessTypeAlias.objects.get()
    assert (alias.word, alias.business_type.code) == ("SIPO", "loan")
    assert BehaviourRecord.objects.filter(business_type__code="loan").count() == 1


def test_the_page_of_a_word_wants_a_type(staff_client, scanned):
    row = QuarantinedRow.objects.first()
    address = f"{PAGES}quarantinedrow/{row.pk}/word/"
    page = staff_client.post(address, {"confirmed": "yes"}).content.decode()
    assert "Choose a business type" in page
    assert not BusinessTypeAlias.objects.exists()


def test_fixed_rows_are_fed_again(staff_client, scanned):
    BusinessTypeAlias.objects.create(
        word="SIPO", business_type=BusinessType.objects.get()
    )
    page = act(staff_client, "quarantinedrow", "feed", QuarantinedRow.objects.all())
    assert "Rows taken: 1. Still set aside: 1." in page.content.decode()


def test_rows_are_downloaded_safe_for_a_spreadsheet_and_on_record(
    staff_client, scanned
):
    answer = act(
        staff_client, "quarantinedrow", "download", QuarantinedRow.objects.all()
    )
    text = b"".join(answer.streaming_content).decode()
    assert '"\'=1+1"' in text
    assert AuditEntry.objects.get().detail == {"rows": 2}


def test_a_row_is_shown_only_to_those_who_may_see_personal_data(
    client, scanned, django_user_model
):
    user = django_user_model.objects.create_user("clerk", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_quarantinedrow"))
    client.force_login(user)
    row = QuarantinedRow.objects.get(row_number=4)
    page = client.get(f"{PAGES}quarantinedrow/{row.pk}/change/").content.decode()
    assert "SIPO" in page
    assert "=1+1" not in page
    assert client.get(f"{PAGES}quarantinedrow/{row.pk}/reveal/").status_code == 403
    answer = act(client, "quarantinedrow", "download", [row])
    assert not answer.streaming
