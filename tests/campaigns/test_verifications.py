from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from backoffice.platform.models import AuditEntry
from campaigns import verifications
from campaigns.models import CallTemplate, SignUp, Verification
from campaigns.verifications import begin, begin_missing, decide, decide_due, overrule
from messaging.models import Call
from tests.builders import NOON

from .sign_ups import CARD, end_call, make_activity, make_sign_up, make_verification

pytestmark = pytest.mark.django_db

Verdict = Verification.Verdict
LATER = NOON + timedelta(minutes=1)
SURE = {"confidence": 0.9}


def answered(heard: str, **over: Any) -> Verification:
    verification = make_verification()
    end_call(verification, heard=heard, **{**SURE, **over})
    return fresh(verification)


def fresh(verification: Verification) -> Verification:
    rows = Verification.objects.select_related("call", "sign_up__activity")
    return rows.get(pk=verification.pk)


def status_of(verification: Verification) -> str:
    return SignUp.objects.get(verification=verification).status


# --- the question and the script (D3, D4) --------------------------------------------


@pytest.mark.requirement("D3")
def test_question_and_answer_come_from_the_sign_up() -> None:
    verification = fresh(make_verification())
    assert verification.question == CARD["question"]
    assert verification.expected == "4719"


@pytest.mark.requirement("D3")
def test_a_field_left_empty_is_not_asked_about() -> None:
    birthday = {"name": "born", "label": "Born", "kind": "date", "question": "When?"}
    activity = make_activity(CARD | {"is_required": False}, birthday)
    row = make_sign_up(activity, answers={"card": "", "born": "1990-05-20"})
    assert fresh(make_verification(row)).expected == "1990-05-20"


@pytest.mark.requirement("D4")
@pytest.mark.parametrize(
    ("language", "activity", "question"),
    [
        ("en", "Spring draw", CARD["question"]),
        ("zh-hans", "春季抽奖", CARD["question_zh"]),
    ],
)
def test_the_script_is_the_template_filled_in_the_language_of_the_sign_up(
    language: str, activity: str, question: str
) -> None:
    verification = make_verification(make_sign_up(language=language))
    call = Call.objects.get(verification=verification)
    template = CallTemplate.objects.get(language=language)
    assert call.script == template.text.format(activity=activity, question=question)


@pytest.mark.requirement("D4")
def test_a_script_that_would_say_the_answer_calls_nobody() -> None:
    activity = make_activity(name="Draw 4719")
    verification = make_verification(make_sign_up(activity))
    assert (verification.verdict, verification.reason) == ("unsure", "no_script")
    assert not Call.objects.exists()


def test_without_a_question_a_person_decides() -> None:
    activity = make_activity(CARD | {"question": "", "question_zh": ""})
    verification = make_verification(make_sign_up(activity))
    assert verification.reason == "no_question"
    assert status_of(verification) == SignUp.Status.UNSURE


# --- the call (D5) --------------------------------------------------------------------


@pytest.mark.requirement("D5")
def test_the_customer_who_signed_up_is_called(queued: Any) -> None:
    row = make_sign_up()
    call = make_verification(row).call
    assert call is not None
    assert call.phone == row.customer.phone
    assert ("messaging.jobs.place_call", (str(call.pk),), "voice") in queued.jobs


def test_the_call_is_told_the_kind_of_the_answer_only() -> None:
    call = make_verification().call
    assert call is not None
    assert (call.answer_kind, call.answer_length) == ("digits", 4)
    assert "4719" not in call.script


def test_a_sign_up_is_checked_once() -> None:
    row = make_sign_up()
    make_verification(row)
    assert begin(row, NOON) is None


def test_two_workers_that_begin_at_once_make_one_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row, script_of = make_sign_up(), verifications.script_of

    def meanwhile(*args: Any) -> str:
        monkeypatch.setattr(verifications, "script_of", script_of)
        make_verification(row)
        return script_of(*args)

    monkeypatch.setattr(verifications, "script_of", meanwhile)
    assert begin(row, NOON) is None
    assert Call.objects.count() == 1


def test_the_sweep_begins_what_a_lost_wake_up_left() -> None:
    row = make_sign_up()
    assert begin_missing(NOON) == 1
    assert Verification.objects.get().sign_up == row


# --- the verdict (D6, D7) ----------------------------------------------------------------


@pytest.mark.requirement("D6")
def test_the_right_answer_verifies() -> None:
    verification = answered("4719")
    assert decide(verification, LATER) == "match"
    assert status_of(verification) == SignUp.Status.VERIFIED


@pytest.mark.requirement("D6")
def test_the_keypad_is_believed_without_a_confidence() -> None:
    verification = answered("", keys="4719#", confidence=None)
    assert decide(verification, LATER) == "match"


@pytest.mark.requirement("D7")
@pytest.mark.requirement("D6")
def test_a_clear_mismatch_stops_the_participation() -> None:
    verification = answered("5630")
    assert decide(verification, LATER) == "mismatch"
    assert status_of(verification) == SignUp.Status.INTERCEPTED


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "something else was said"), ("zh-hans", "答案不一致")],
)
def test_the_audit_log_says_in_words_why_a_sign_up_was_stopped(
    staff_client: Client, language: str, words: str
) -> None:
    decide(answered("5630"), LATER)
    staff_client.cookies["django_language"] = language
    page = staff_client.get("/admin/platform/auditentry/").content.decode()
    assert words in page


@pytest.mark.parametrize(
    "heard",
    [
        {"heard": "5630", "confidence": 0.2},
        {"heard": "4718"},
        {"heard": "", "confidence": 0.0},
    ],
)
def test_what_may_be_the_recognisers_fault_is_asked_again(
    heard: dict[str, Any],
) -> None:
    verification = answered(**heard)
    assert decide(verification, LATER) == "again"
    again = fresh(verification)
    assert again.call_id != verification.call_id
    assert status_of(verification) == SignUp.Status.PENDING


def test_unsure_twice_is_for_a_person() -> None:
    verification = answered("4718")
    decide(verification, LATER)
    end_call(verification, heard="4718", **SURE)
    assert decide(fresh(verification), LATER) == "unsure"
    assert status_of(verification) == SignUp.Status.UNSURE


@pytest.mark.requirement("D7")
@pytest.mark.parametrize("status", ["busy", "no_answer", "failed"])
def test_not_reached_is_called_again_and_never_abnormal(status: str) -> None:
    verification = make_verification()
    said = []
    for _attempt in range(3):
        end_call(verification, status)
        said.append(decide(fresh(verification), LATER))
    assert said == ["again", "again", "unreached"]
    assert status_of(verification) == SignUp.Status.UNVERIFIED


def test_the_next_try_waits_as_long_as_the_parameter_says() -> None:
    verification = make_verification()
    end_call(verification, "busy")
    decide(fresh(verification), LATER)
    call = Call.objects.get(verification=verification)
    assert call.due_at == LATER + timedelta(seconds=600)


def test_a_call_is_judged_once() -> None:
    verification = answered("4719")
    stale = fresh(verification)
    decide(verification, LATER)
    assert decide(stale, LATER) == "taken"


def test_an_answer_that_nobody_listened_to_yet_waits() -> None:
    verification = make_verification()
    end_call(verification, due_at=LATER)
    assert sum(decide_due(LATER).values()) == 0


def test_due_verdicts_are_taken_together() -> None:
    for heard in ("4719", "5630"):
        answered(heard)
    counts = decide_due(LATER)
    assert (counts["match"], counts["mismatch"]) == (1, 1)


# --- a person's word ------------------------------------------------------------------------


def test_a_person_may_overrule_and_is_on_record(admin_user: Any) -> None:
    verification = answered("5630")
    decide(verification, LATER)
    verification = fresh(verification)
    overrule(
        verification, Verdict.MATCH, by=admin_user, reason="called back", now=LATER
    )
    assert status_of(verification) == SignUp.Status.VERIFIED
    entry = AuditEntry.objects.get(action="verification.overrule")
    assert (entry.actor, entry.detail) == (
        admin_user,
        {"before": "mismatch", "after": "match"},
    )


def test_a_person_may_stop_an_unsure_one(admin_user: Any) -> None:
    verification = make_verification()
    overrule(verification, Verdict.MISMATCH, by=admin_user, reason="seen", now=LATER)
    assert status_of(verification) == SignUp.Status.INTERCEPTED
    assert Call.objects.get().status == Call.Status.FAILED
