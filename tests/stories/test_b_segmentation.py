"""Document B, from the bank's files to who may be offered what.

A bank uploads its customers and their credit, screens them, and follows them as their
credit gets worse and better again. Staff only ever use the admin; credit facts of later
days come from the bank's credit bureau, over HTTP.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from backoffice.platform.models import Import
from campaigns.pushes import start
from customers.jobs import screen_all, screen_moved
from customers.models import CompletionRequest, CreditSource, Customer, LabelChange
from tests.builders import make_business_type, make_label, segment_of
from tests.campaigns.world import join_group, make_event
from tests.customers.test_credit_sources import CreditBureau

CLIENTS = """客户号,手机号,姓名,营销授权
1,13800000001,Anna,是
2,13800000002,Bob,是
3,13800000003,Cyril,否
4,13800000004,Dana,是
5,no phone,Emil,是
"""
LINES = """客户号,授信编号,授信类型
1,H1,重资产
2,H2,重资产
2,L2,轻资产
4,H4,heavy
4,L4,light
4,L4,light
9,H9,heavy
"""
pytestmark = pytest.mark.django_db
WORSE = {"blacklisted": True, "lines": []}
BETTER = {"blacklisted": False}


@pytest.fixture
def bureau():
    running = CreditBureau()
    yield running
    running.server.shutdown()
    running.server.server_close()


class Staff:
    """What a member of staff does with a browser."""

    def __init__(self, client, queued):
        self.client, self.queued = client, queued

    def upload(self, target, text):
        """Upload a file, keep the guessed columns, look at the findings, import."""
        file = SimpleUploadedFile(f"{target}.csv", text.encode())
        form = self.client.post(
            reverse("admin:platform_import_add"),
            {"target": target, "file": file},
            follow=True,
        ).context["form"]
        guessed = {field.name: field.initial for field in form if field.initial}
        import_ = Import.objects.latest("pk")
        columns = reverse("admin:platform_import_columns", args=[import_.pk])
        found = self.client.post(columns, guessed, follow=True).content.decode()
        self.client.post(reverse("admin:platform_import_start", args=[import_.pk]))
        self.queued.run_all()
        import_.refresh_from_db()
        return import_, found

    def screens(self):
        page = reverse("admin:customers_screeningrun_screen")
        self.client.post(page, {"confirmed": "yes", "scope": "all"})
        self.queued.run_all()

    def completes(self, request):
        page = reverse("admin:customers_completionrequest_changelist")
        values = {"action": "done", ACTION_CHECKBOX_NAME: [request.pk]}
        self.client.post(page, values | {"confirmed": "yes"})


def groups():
    people = Customer.objects.order_by("external_id")
    return {person.external_id: segment_of(person) for person in people}


@pytest.fixture
def staff(staff_client, queued):
    """Staff, after the bank's files were imported: what is wrong is named by its row."""
    staff = Staff(staff_client, queued)
    clients, found = staff.upload("customers", CLIENTS)
    assert "<td>6</td>" in found
    assert "give one number" in found
    assert clients.counts["done"] == {"added": 4, "updated": 0, "left out": 1}
    lines, found = staff.upload("credit-lines", LINES)
    assert "import customers first" in found
    assert (lines.counts["duplicates"], lines.counts["bad"]) == (1, 1)
    return staff


@pytest.mark.requirement("B1")
@pytest.mark.requirement("B2")
@pytest.mark.requirement("B3")
@pytest.mark.requirement("B4")
@pytest.mark.requirement("B8")
def test_customers_move_between_groups_as_their_credit_does(staff, bureau):
    # B1: the first screening, by button, puts everyone in one of the three groups.
    staff.screens()
    assert groups() == {"1": "heavy", "2": "overlay", "3": "light", "4": "overlay"}

    # B2, B3: the next night the bureau knows that Anna's and Cyril's credit got worse.
    CreditSource.objects.create(name="bureau", url=bureau.url)
    bureau.say = {"1": WORSE, "3": WORSE}
    assert screen_all()["changed"] == 1
    assert groups() == {"1": "light", "2": "overlay", "3": "light", "4": "overlay"}

    # B8: the change says when, from where to where, why and on which facts.
    change = LabelChange.objects.first()
    assert str(change) == "Heavy-asset → Light-asset"
    assert (change.rule.code, change.rule_version) == ("worse_credit", 1)
    assert change.facts["blacklisted"] is True

    # B4: only Anna is looked at again; without a light line she becomes overlay.
    bureau.say, bureau.asked = {"1": BETTER, "3": BETTER}, []
    assert screen_moved() == {"screened": 1, "changed": 1, "marked": 0}
    assert bureau.asked == [["1"]]
    assert (groups()["1"], groups()["3"]) == ("overlay", "light")


@pytest.mark.requirement("B5")
@pytest.mark.requirement("B6")
@pytest.mark.requirement("B7")
def test_a_mark_keeps_a_customer_from_applications_until_it_ends(staff, bureau):
    # B5: Bob is under control for a while, of Dana some data is missing.
    CreditSource.objects.create(name="bureau", url=bureau.url)
    bureau.say = {"2": {"controlled": True}, "4": {"data_incomplete": True}}
    assert screen_all()["marked"] == 2
    assert screen_all()["marked"] == 0

    # B6: neither may apply until the mark ends: Dana's once her data is complete, Bob's
    # by itself.
    now = timezone.now() + timedelta(minutes=1)
    assert may_apply(now) == {"1", "3"}
    staff.completes(CompletionRequest.objects.get())
    assert may_apply(now) == {"1", "3", "4"}
    assert may_apply(now + timedelta(days=30)) == {"1", "2", "3", "4"}

    # B7: what is offered depends on the group.
    credit_card = make_business_type("credit-card", offers_application=True)
    credit_card.labels.add(make_label("overlay"))
    for person in Customer.objects.all():
        join_group(person, credit_card)
    push = start(make_event(credit_card), by=None, now=now)
    offered = push.recipients.exclude(reason="label").values_list("customer", flat=True)
    people = Customer.objects.filter(pk__in=offered)
    assert {person.external_id for person in people} == {"2", "4"}


def may_apply(now):
    return {c.external_id for c in Customer.objects.allowed_to_apply(now)}
