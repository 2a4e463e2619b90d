from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from backoffice.platform.models import AuditEntry, Parameter
from messaging.models import ForbiddenWord, MessageType, Template
from tests.builders import make_account, make_customer, make_template

pytestmark = pytest.mark.django_db

ADMIN = "/admin/messaging/template"
SERVICE = {"type_code": "loan_disbursed", "language": "en"}


def page_of(client: Client, template: Template, text: str, **button: str) -> Any:
    url = f"{ADMIN}/{template.pk}/new-version/"
    return client.post(url, {"text": text, **button})


def proof_of(client: Client, template: Template, text: str, **more: Any) -> Any:
    """What the script asks for while somebody writes."""
    data = {"template": template.pk, "text": text, **more}
    return client.post(f"{ADMIN}/proof/", data)


def words(response: Any) -> list[str]:
    return [one.words for one in response.context["proof"].advice]


def clerk(*codenames: str) -> Any:
    user = get_user_model().objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


@pytest.fixture
def notice() -> Template:
    """A service template: no footer, so that its length is its text's."""
    kind = MessageType.objects.get(code="loan_disbursed")
    return make_template("Hi", message_type=kind).template


# --- filled, counted, priced ---------------------------------------------------------


def test_the_preview_is_a_real_customers_sms_masked(
    staff_client: Client, notice: Template
):
    make_customer(name="Ana Novak", language="en")
    page = proof_of(staff_client, notice, "Dear {name}, {amount} came.")
    assert page.context["proof"].text == "Dear A•• N••••, 12,345.60 came."
    assert "Novak" not in page.content.decode()


def test_a_look_publishes_nothing(staff_client: Client, notice: Template):
    page = page_of(staff_client, notice, "Dear {name}", preview="x")
    assert page.status_code == 200
    assert page.context["form"].initial["text"] == "Dear {name}"
    assert notice.versions.count() == 1


def test_parts_are_those_of_the_real_values_under_the_accounts_rule(
    staff_client: Client, notice: Template
):
    make_account(parts_rule="china", signature="某某金融", cost=Decimal("0.045"))
    make_customer(name="王" * 5, language="en")
    page = proof_of(staff_client, notice, "您" * 60 + "{name}")
    shown = page.context["proof"]
    assert (shown.counted.parts, shown.counted.units) == (2, 71)
    assert (shown.cost, shown.price) == (Decimal("0.09"), "0.09")


def test_the_worst_case_mixes_the_longest_values_of_all(
    staff_client: Client, notice: Template
):
    make_account()
    make_customer(name="Bo", language="en", attributes={"city": "B" * 60})
    make_customer(name="A" * 60, language="en", attributes={"city": "Ulm"})
    page = proof_of(staff_client, notice, "{name} " + "{attribute_city} " + "x" * 60)
    shown = page.context["proof"]
    assert (shown.counted.parts, shown.worst.parts, shown.people) == (1, 2, 2)


def test_one_name_outside_gsm_makes_the_worst_case_ucs_2(
    staff_client: Client, notice: Template
):
    make_account()
    make_customer(name="王芳", language="en")
    make_customer(name="Alexander Maximilian", language="en")
    worst = proof_of(staff_client, notice, "{name}" + "x" * 69).context["proof"].worst
    assert (worst.encoding, worst.parts) == ("UCS-2", 2)


def test_the_text_shows_where_its_parts_end(staff_client: Client, notice: Template):
    make_account()
    page = proof_of(staff_client, notice, "a" * 153 + "b" * 10)
    assert page.context["proof"].pieces == ("a" * 153, "b" * 10)


# --- which customer ---------------------------------------------------------------------


def test_next_and_previous_go_round_the_customers(
    staff_client: Client, notice: Template
):
    first, second = (make_customer(language="en") for _ in range(2))
    seen = []
    at: dict[str, Any] = {}
    for step in ("", "next", "next", "previous"):
        page = proof_of(staff_client, notice, "Hi {name}", step=step, **at)
        seen.append(page.context["look"].person.pk)
        at = {"customer": seen[-1]}
    assert seen == [second.pk, first.pk, second.pk, first.pk]


def test_a_customer_is_found_by_number_and_stays(
    staff_client: Client, notice: Template
):
    make_customer(language="en")
    chosen = make_customer(language="zh-hans", external_id="Z9")
    page = proof_of(staff_client, notice, "Hi", step="find", number="Z9")
    assert page.context["look"].person.pk == chosen.pk
    page = proof_of(staff_client, notice, "Hi!", customer=chosen.pk)
    assert page.context["look"].person.pk == chosen.pk


def test_a_number_of_nobody_is_said(staff_client: Client, notice: Template):
    page = proof_of(staff_client, notice, "Hi", step="find", number="none")
    assert "There is no customer with this number." in page.content.decode()


# --- who may see it in full -----------------------------------------------------------------


def test_a_name_is_shown_in_full_with_a_reason_on_record(
    staff_client: Client, notice: Template
):
    who = make_customer(name="Ana Novak", language="en")
    page = proof_of(staff_client, notice, "Hi {name}", reveal="yes", reason="looks odd")
    assert page.context["proof"].text == "Hi Ana Novak"
    entry = AuditEntry.objects.get(action="reveal")
    assert (entry.reason, entry.object_id) == ("looks odd", str(who.pk))
    token = page.context["look"].token
    again = proof_of(staff_client, notice, "Hi {name}!", customer=who.pk, token=token)
    assert again.context["proof"].text == "Hi Ana Novak!"
    assert AuditEntry.objects.filter(action="reveal").count() == 1


def test_what_was_shown_of_one_customer_opens_no_other(
    staff_client: Client, notice: Template
):
    make_customer(name="Bea Marek", language="en")
    make_customer(name="Ana Novak", language="en")
    page = proof_of(staff_client, notice, "{name}", reveal="yes", reason="odd")
    token = page.context["look"].token
    page = proof_of(
        staff_client, notice, "{name}", step="next", token=token,
        customer=page.context["look"].person.pk,
    )  # fmt: skip
    assert page.context["proof"].text == "B•• M••••"


def test_without_a_reason_nothing_is_shown(staff_client: Client, notice: Template):
    make_customer(name="Ana Novak", language="en")
    page = proof_of(staff_client, notice, "{name}", reveal="yes", reason=" ")
    assert page.context["proof"].text == "A•• N••••"
    assert not AuditEntry.objects.filter(action="reveal").exists()


def test_who_may_not_see_names_cannot_reveal(client: Client, notice: Template):
    make_customer(name="Ana Novak", language="en")
    client.force_login(clerk("change_template"))
    page = proof_of(client, notice, "{name}")
    assert "Show in full" not in page.content.decode()
    page = proof_of(client, notice, "{name}", reveal="yes", reason="because")
    assert page.status_code == 403


def test_who_may_only_look_at_templates_gets_no_proof(client: Client, notice: Template):
    client.force_login(clerk("view_template"))
    assert proof_of(client, notice, "Hi").status_code == 403


def test_a_text_never_stands_in_an_address(staff_client: Client):
    assert staff_client.get(f"{ADMIN}/proof/", {"text": "Hi"}).status_code == 405


# --- advice ----------------------------------------------------------------------------------


def test_a_few_characters_over_are_counted(staff_client: Client, notice: Template):
    make_account()
    page = proof_of(staff_client, notice, "a" * 163)
    assert words(page) == ["Remove 3 characters to save a part."]


def test_characters_that_cost_are_replaced_by_one_click(
    staff_client: Client, notice: Template
):
    make_account()
    assert words(proof_of(staff_client, notice, "It’s here")) == [
        "This quotation mark ’ makes it UCS-2: 70 characters a part, not 160."
    ]
    page = page_of(staff_client, notice, "Say “yes”…", preview="x")
    assert words(page) == ["These make it UCS-2, 70 characters a part, not 160: “ ” …"]
    page = page_of(staff_client, notice, "Say “yes”…", replace="0")
    assert page.context["form"].initial["text"] == 'Say "yes"...'
    assert notice.versions.count() == 1


def test_under_a_signature_no_character_is_worth_replacing(
    staff_client: Client, notice: Template
):
    make_account(signature="Bank")
    assert words(proof_of(staff_client, notice, "Say “yes”")) == [
        "The signature 【Bank】 makes it UCS-2: 70 characters a part, not 160."
    ]
    assert words(proof_of(staff_client, notice, "已放款")) == []


def test_gaps_are_counted_over_the_customers(staff_client: Client, notice: Template):
    make_account()
    make_customer(language="en", attributes={"city": "Brno"})
    make_customer(language="en")
    page = proof_of(staff_client, notice, "To {attribute_city}")
    assert "1 of 2 customers has no {attribute_city}: no SMS for them." in words(page)


def test_a_marketing_text_ends_with_the_footer_of_its_language(staff_client: Client):
    template = make_template("Hi", language="zh-hans").template
    page = proof_of(staff_client, template, "好")
    assert page.context["proof"].text == "好拒收请回复R"


def test_a_footer_written_by_hand_is_taken_out_by_one_click(staff_client: Client):
    template = make_template("Hi").template
    page = proof_of(staff_client, template, "Go. Reply STOP to opt out")
    advice = page.context["proof"].advice[0]
    assert (advice.button, advice.followed("Go. Reply STOP to opt out")) == (
        "Leave it out",
        "Go.",
    )


def test_a_notice_with_opt_out_words_is_warned_of(
    staff_client: Client, notice: Template
):
    page = proof_of(staff_client, notice, "已放款，拒收请回复R")
    assert "A service notice may not carry opt-out words" in words(page)[0]


# --- publishing -------------------------------------------------------------------------------


def test_an_unknown_field_is_refused_with_the_list_of_known(
    staff_client: Client, notice: Template
):
    page = page_of(staff_client, notice, "Hi {amuont}", publish="x").content.decode()
    assert "there is no field “amuont”" in page
    assert "Known fields: {name}, {amount}, {due_on}, {send_on}" in page
    assert notice.versions.count() == 1


def test_a_field_that_staff_declared_is_known(staff_client: Client, notice: Template):
    notice.message_type.type_fields.create(name="branch", sample="Brno")
    page_of(staff_client, notice, "Hi {branch}", publish="x")
    assert notice.current.text == "Hi {branch}"


def test_a_forbidden_word_is_refused_and_a_doubtful_one_warned_of(
    staff_client: Client, notice: Template
):
    make_account()
    ForbiddenWord.objects.create(word="gratis", why="misleading")
    ForbiddenWord.objects.create(word="winner", effect="warn")
    page = page_of(staff_client, notice, "GRATIS today", publish="x")
    assert "“gratis” must not stand in a text (misleading)." in page.content.decode()
    assert "Mind “winner”." in words(proof_of(staff_client, notice, "A winner"))
    assert proof_of(staff_client, notice, "winners").context["proof"].advice == ()
    assert notice.versions.count() == 1


def test_marketing_without_a_footer_is_not_published(staff_client: Client):
    template = make_template("Hi").template
    Parameter.objects.filter(name="marketing_footer").update(value={})
    Parameter.forget()
    page = page_of(staff_client, template, "Sale", publish="x")
    assert "Marketing must say how to refuse" in page.content.decode()
    assert template.versions.count() == 1


def test_a_draft_is_published_later(staff_client: Client, notice: Template):
    page_of(staff_client, notice, "Soon", draft="x")
    assert notice.current.text == "Hi"
    draft = notice.versions.first()
    page = staff_client.get(f"{ADMIN}/{notice.pk}/change/").content.decode()
    assert f"{ADMIN}/publish/{draft.pk}/" in page
    staff_client.post(f"{ADMIN}/publish/{draft.pk}/")
    assert notice.current == draft


def test_looking_at_the_address_of_publishing_publishes_nothing(
    staff_client: Client, notice: Template
):
    draft = notice.draft("Soon")
    staff_client.get(f"{ADMIN}/publish/{draft.pk}/")
    draft.refresh_from_db()
    assert draft.published_at is None


def test_a_new_template_is_looked_at_before_its_type_is_chosen(staff_client: Client):
    page = staff_client.post(f"{ADMIN}/add/", {"text": "Hi", "preview": "x"})
    assert "Choose type and language." in page.content.decode()
    assert not Template.objects.filter(name="").exists()
