from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from backoffice.platform.models import AuditEntry, Import, ImportMapping
from customers.models import Customer

pytestmark = pytest.mark.django_db
FILE = "客户号;手机号;姓名;city\n1;138 0013 8000;张伟;Brno\n2;123;Jan;Praha\n"


def upload(client, text=FILE, *, target="customers", encoding="utf-8"):
    file = SimpleUploadedFile("clients.csv", text.encode(encoding))
    url = reverse("admin:platform_import_add")
    return client.post(url, {"target": target, "file": file}, follow=True)


def the_import():
    return Import.objects.latest("pk")


def at(name):
    return reverse(f"admin:platform_import_{name}", args=[the_import().pk])


def choose(client, **over):
    values = {
        "column_external_id": "客户号",
        "column_phone": "手机号",
        "column_name": "姓名",
        "extras": ["city"],
        "option_source": "bank",
        "option_date_format": "%Y-%m-%d",
    }
    return client.post(at("columns"), values | over, follow=True)


def test_columns_are_guessed_from_the_header(staff_client):
    form = upload(staff_client).context["form"]
    guessed = {name: field.initial for name, field in form.fields.items()}
    assert guessed["column_external_id"] == "客户号"
    assert guessed["column_phone"] == "手机号"
    assert guessed["column_consent"] == ""


def test_a_file_goes_from_upload_to_customers(staff_client, queued):
    upload(staff_client, encoding="gb18030")
    page = choose(staff_client).content.decode()
    assert "Import the good row" in page
    assert "too short" in page
    assert not Customer.objects.exists()
    staff_client.post(at("start"))
    queued.run_all()
    customer = Customer.objects.get()
    assert (customer.source, customer.external_id, customer.name) == (
        "bank",
        "1",
        "张伟",
    )
    assert (customer.phone, customer.attributes) == ("+8613800138000", {"city": "Brno"})
    assert "What was imported" in staff_client.get(at("change")).content.decode()
    assert AuditEntry.objects.get(action="import.start").detail == {"rows": 1}


def test_the_problem_page_never_repeats_a_phone(staff_client):
    upload(staff_client, "id,phone\n1,13800138\n")
    page = choose(
        staff_client,
        column_external_id="id",
        column_phone="phone",
        column_name="",
        extras=[],
    )
    assert the_import().errors[0]["field"] == "phone"
    assert "13800138" not in page.content.decode()


def test_a_mapping_is_saved_and_used_again(staff_client):
    upload(staff_client)
    choose(staff_client, save_as="the bank's", column_name="", option_source="core")
    mapping = ImportMapping.objects.get()
    upload(staff_client)
    form = staff_client.get(at("columns"), {"mapping": mapping.pk}).context["form"]
    assert form["column_name"].value() == ""
    assert form["option_source"].value() == "core"
    assert form["extras"].value() == ["city"]


def test_the_same_file_again_is_announced(staff_client, queued):
    for _ in range(2):
        upload(staff_client)
        page = choose(staff_client).content.decode()
        staff_client.post(at("start"))
    assert "The same file was imported before" in page
    assert staff_client.user.username in page


def test_an_unreadable_file_is_refused_at_the_door(staff_client):
    page = upload(staff_client, "").content.decode()
    assert "empty" in page
    assert not Import.objects.exists()


def test_a_required_column_must_be_chosen(staff_client):
    upload(staff_client)
    page = choose(staff_client, column_phone="")
    assert page.context["form"].errors["column_phone"]


def test_a_cancelled_import_cannot_be_started(staff_client, queued):
    upload(staff_client)
    choose(staff_client)
    staff_client.post(at("cancel"))
    staff_client.post(at("start"))
    queued.run_all()
    assert the_import().status == Import.Status.CANCELLED
    assert not Customer.objects.exists()


def test_a_big_file_is_checked_by_a_job(staff_client, queued, monkeypatch):
    monkeypatch.setattr("backoffice.platform.admin.imports.CHECK_AT_ONCE", 1)
    upload(staff_client)
    assert "being checked" in choose(staff_client).content.decode()
    queued.run_all()
    assert the_import().counts["good"] == 1


def test_who_may_only_look_cannot_import(client):
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_import"))
    client.force_login(viewer)
    assert upload(client).status_code == 403
    assert not Import.objects.exists()
