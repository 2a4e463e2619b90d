"""The check of a sign-up by call, from the question to the verdict (D3-D7).

Not reached is never abnormal, unsure goes to a person, only a clear mismatch stops.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext_noop

from backoffice.kit.jobs import later
from backoffice.platform.models import AuditEntry, Parameter
from messaging.calls import PLACE
from messaging.models import Call
from messaging.rendering import BadTemplate, MissingFields

from .activities import cancel_calls, stop
from .models import Activity, SignUp, Verification
from .risk import measure
from .verification import (
    BadScript,
    Question,
    QuestionField,
    build_script,
    extract_question,
    match_answer,
)

SWEEP_MOST = 500
# Why a person must decide before any call was made.
NO_QUESTION, NO_SCRIPT = "no_question", "no_script"
# As the audit log says it of a stop that no person decided.
OTHER_ANSWER = gettext_noop("something else was said")

ENDED = (
    Call.Status.ANSWERED,
    Call.Status.BUSY,
    Call.Status.NO_ANSWER,
    Call.Status.FAILED,
)
Outcome = Verification.Verdict
# What a verdict makes of the sign-up; a mismatch is stopped (activities.stop).
STATUS = {
    Outcome.MATCH: SignUp.Status.VERIFIED,
    Outcome.UNSURE: SignUp.Status.UNSURE,
    Outcome.UNREACHED: SignUp.Status.UNVERIFIED,
}


class _Taken(Exception):
    """Another worker took this call's outcome: everything of ours is rolled back."""


def begin(sign_up: SignUp, now: datetime) -> Verification | None:
    """Make question, answer and script of a sign-up and queue its first call (D3-D5).

    None where it has a verification already. Without a question or a usable script
    nobody is called and a person decides.
    """
    question = question_of(sign_up)
    script = script_of(sign_up, question) if question else ""
    try:
        with transaction.atomic():
            if question is None or not script:
                return _leave_to_a_person(sign_up, question, now)
            return _ask(sign_up, question, script, now)
    except IntegrityError:  # begun before, or by another worker meanwhile
        return None


def _ask(
    sign_up: SignUp, question: Question, script: str, now: datetime
) -> Verification:
    return Verification.objects.create(
        sign_up=sign_up,
        question=question.text,
        expected=question.expected,
        kind=question.kind,
        attempts=1,
        call=_queue_call(sign_up, question, script, due_at=now, now=now),
    )


def question_of(sign_up: SignUp) -> Question | None:
    """The question, and its answer, from what was submitted (D3)."""
    rows = sign_up.activity.fields.all()
    fields = [
        QuestionField(
            name=row.name,
            kind=row.kind,  # type: ignore[arg-type]  # the model's choices are the kinds
            texts={"en": row.question, "zh-hans": row.question_zh},
            last=row.last_digits,
        )
        for row in rows
    ]
    answers = json.loads(sign_up.answers)
    return extract_question(answers, fields, language=sign_up.language)


def script_of(sign_up: SignUp, question: Question) -> str:
    """The words of the call in the customer's language; "" where none can be said (D4)."""
    template = sign_up.activity.call_templates.filter(language=sign_up.language).first()
    if template is None:
        return ""
    name = activity_name(sign_up.activity, sign_up.language)
    try:
        return build_script(template.text, question, activity_name=name)
    except (BadScript, BadTemplate, MissingFields):
        return ""


def activity_name(activity: Activity, language: str) -> str:
    chinese = language.startswith("zh")
    return activity.name_zh or activity.name if chinese else activity.name


def _leave_to_a_person(
    sign_up: SignUp, question: Question | None, now: datetime
) -> Verification:
    row = Verification.objects.create(
        sign_up=sign_up,
        question=question.text if question else "",
        expected=question.expected if question else "",
        kind=question.kind if question else "",
        verdict=Outcome.UNSURE,
        reason=NO_SCRIPT if question else NO_QUESTION,
    )
    _set_status(sign_up, SignUp.Status.UNSURE, now)
    return row


def _queue_call(
    sign_up: SignUp, question: Question, script: str, *, due_at: datetime, now: datetime
) -> Call:
    digits = question.kind == "digits"
    call = Call.objects.create(
        customer=sign_up.customer,
        phone=sign_up.customer.phone,
        script=script,
        language=sign_up.language,
        answer_kind=question.kind,
        answer_length=len(question.expected) if digits else None,
        created_at=now,
        due_at=due_at,
    )
    if due_at <= now:
        later(PLACE, str(call.pk), lane="voice")
    return call


def begin_missing(now: datetime) -> int:
    """Begin what a lost wake-up left: sign-ups that wait without a verification."""
    waiting = SignUp.objects.filter(
        status=SignUp.Status.PENDING, verification__isnull=True
    )
    rows = waiting.select_related("activity", "customer").order_by("pk")[:SWEEP_MOST]
    return sum(begin(row, now) is not None for row in rows)


def decide_due(now: datetime) -> dict[str, int]:
    """Take a verdict, or the next step, from every call that has ended (D6)."""
    ended = Q(call__status__in=ENDED) & (
        ~Q(call__status=Call.Status.ANSWERED) | Q(call__due_at__isnull=True)
    )
    waiting = Verification.objects.filter(ended, verdict=Outcome.PENDING)
    rows = waiting.select_related("call", "sign_up__activity", "sign_up__customer")
    counts = dict.fromkeys([*Outcome.values, "again", "taken"], 0)
    counts.pop(Outcome.PENDING)
    for row in rows.order_by("pk")[:SWEEP_MOST]:
        counts[decide(row, now)] += 1
    return counts


def decide(verification: Verification, now: datetime) -> str:
    """What its ended call means: a verdict's word, or "again" where it is asked again.

    A call is taken into account once: "taken" where another worker did it.
    """
    call = verification.call
    try:
        with transaction.atomic():
            if call is None or call.status != Call.Status.ANSWERED:
                return _not_reached(verification, now)
            return _listen_to(verification, call, now)
    except _Taken:
        return "taken"


def _listen_to(verification: Verification, call: Call, now: datetime) -> str:
    heard = call.keys or call.heard
    said = match_answer(
        verification.expected,
        heard,
        verification.kind,  # type: ignore[arg-type]  # the model's choices are the kinds
        confidence=None if call.keys else call.confidence,
        threshold=float(Parameter.read("call_confidence")),
    )
    record = {"heard": heard, "score": said.score, "reason": said.reason}
    was_unsure = bool(verification.reason)
    if said.outcome == "unsure" and not was_unsure:
        return _call_again(verification, now, due_at=now, **record)
    return _conclude(verification, Outcome(said.outcome), now, **record)


def _not_reached(verification: Verification, now: datetime) -> str:
    """Busy or silent: call again in a while, in the end unreached; never abnormal."""
    if verification.attempts < int(Parameter.read("call_attempts")):
        wait = timedelta(seconds=int(Parameter.read("call_retry_seconds")))
        return _call_again(verification, now, due_at=now + wait)
    # Somebody who answered once and could not be understood is a person's matter.
    was_unsure = bool(verification.reason)
    return _conclude(
        verification, Outcome.UNSURE if was_unsure else Outcome.UNREACHED, now
    )


def _call_again(
    verification: Verification, now: datetime, *, due_at: datetime, **record: Any
) -> str:
    """The same question in a new call; the row of the last one stays as it ended."""
    question = Question(
        verification.question,
        verification.expected,
        verification.kind,  # type: ignore[arg-type]  # the model's choices are the kinds
    )
    script = verification.call.script if verification.call else ""
    call = _queue_call(verification.sign_up, question, script, due_at=due_at, now=now)
    _claim(verification, call=call, attempts=verification.attempts + 1, **record)
    return "again"


def _conclude(
    verification: Verification, verdict: Outcome, now: datetime, **record: Any
) -> str:
    _claim(verification, verdict=verdict, **record)
    sign_up = verification.sign_up
    SignUp.objects.filter(pk=sign_up.pk).update(risk=measure(sign_up))
    if verdict == Outcome.MISMATCH:
        stop(sign_up, now, reason=OTHER_ANSWER)
    else:
        _set_status(sign_up, STATUS[verdict], now)
    return str(verdict.value)


def _claim(verification: Verification, **changes: Any) -> None:
    mine = Verification.objects.filter(
        pk=verification.pk, verdict=Outcome.PENDING, call=verification.call_id
    )
    if not mine.update(**changes):
        raise _Taken


def _set_status(sign_up: SignUp, status: str, now: datetime) -> None:
    pending = SignUp.objects.filter(pk=sign_up.pk, status=SignUp.Status.PENDING)
    pending.update(status=status, decided_at=now)


def overrule(
    verification: Verification, verdict: str, *, by: Any, reason: str, now: datetime
) -> None:
    """A person's verdict, MATCH or MISMATCH, over whatever stood there; on record (D7).

    What a stop had cancelled stays cancelled: an SMS of long ago is not sent now.
    """
    sign_up = verification.sign_up
    with transaction.atomic():
        Verification.objects.filter(pk=verification.pk).update(
            verdict=verdict, overruled_by=by
        )
        AuditEntry.write(
            by,
            "verification.overrule",
            verification,
            reason=reason,
            before=verification.verdict,
            after=verdict,
        )
        cancel_calls(sign_up, now)
        if verdict == Outcome.MISMATCH:
            stop(sign_up, now, by=by, reason=reason)
        else:
            SignUp.objects.filter(pk=sign_up.pk).update(
                status=STATUS[Outcome(verdict)], decided_at=now, stopped_at=None
            )
