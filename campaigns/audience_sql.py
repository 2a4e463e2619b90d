"""The SELECT that judges every member of an event's initial group (C5-C7, B6, B7, D1, D7).

Plain SQL that both databases read: grouped reads joined to the customers, a CASE for the
first reason against, window functions for equal numbers. See `audiences.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from customers.models import Consent
from messaging.gate import LEFT_OUT

from .models import Recipient, SignUp
from .standards_sql import Standard, compile_standard, db_time, marks

Outcome, Reason = Recipient.Outcome, Recipient.Reason


@dataclass(frozen=True, slots=True)
class Audience:
    """Everything the choice depends on, ready to be frozen with a push.

    `limited_types`: those of the types that are offered to some labels only (B7).
    `label_sets`: a customer must hold at least one label of each. `seed` makes the
    holdout: the event's own id, so that each run of an event holds out the same people.
    """

    business_types: tuple[int, ...]
    limited_types: tuple[int, ...]
    offers_application: bool
    label_sets: tuple[tuple[int, ...], ...]
    activity: int | None
    criteria: dict[str, Any] | None
    as_of: datetime
    now: datetime
    holdout_percent: int
    seed: int
    caps: tuple[tuple[int, int], ...]


def judged_sql(audience: Audience) -> tuple[str, list[Any]]:
    """`WITH ... final(id, phone_index, reason, outcome)`, one row a member.

    Joins of grouped reads, not a question for each row; the cap alone is asked row by
    row, over the index of the numbers, and only where nothing else speaks against.
    """
    group, group_params = _initial_group(audience)
    cases, case_params, joins, join_params = _reasons(audience)
    sql = f"""
WITH initial AS ({group}),
judged AS (
  SELECT c.id, c.phone_index, CASE {cases} ELSE '' END AS reason
  FROM initial g JOIN customers_customer c ON c.id = g.customer_id {joins}
),
ranked AS (
  SELECT id, phone_index, reason,
    ROW_NUMBER() OVER (PARTITION BY phone_index, reason ORDER BY id) AS nth
  FROM judged
),
settled AS (
  SELECT id, phone_index,
    CASE WHEN reason = '' AND nth > 1 THEN '{Reason.SAME_PHONE}' ELSE reason END AS reason
  FROM ranked
),
final AS (
  SELECT id, phone_index, reason,
    CASE WHEN reason <> '' THEN '{Outcome.EXCLUDED}'
      WHEN {_BUCKET} < %s THEN '{Outcome.HOLDOUT}' ELSE '{Outcome.TARGETED}' END AS outcome
  FROM settled
)"""  # noqa: S608  names and enum values of our own; everything else is a parameter
    seed = [audience.seed] * _BUCKET.count("%s")
    return sql, [
        *group_params,
        *case_params,
        *join_params,
        *seed,
        audience.holdout_percent,
    ]


# 0 to 99, the same for a customer and a seed on every database: squares modulo a prime.
_MIXED = "((id %% 1000003) * 7919 + %s * 104729 + 12345) %% 1000003"
_BUCKET = f"((({_MIXED}) * ({_MIXED}) + (id %% 9973) * 31) %% 999983 %% 100)"


def _initial_group(audience: Audience) -> tuple[str, list[Any]]:
    """Members of the types' user groups (C5), and whether one of *their* types may be
    offered to them (B7): a type without labels may, to anybody."""
    types = audience.business_types
    free = tuple(one for one in types if one not in audience.limited_types)
    offered, joins = "1", ""
    params: list[Any] = []
    if audience.limited_types:
        offered = (
            f"CASE WHEN ug.business_type_id IN {marks(free)}"
            " OR held.customer_id IS NOT NULL THEN 1 ELSE 0 END"
        )
        joins = f" LEFT JOIN ({_HELD.format(types=marks(audience.limited_types))}) held"
        joins += (
            " ON held.customer_id = ug.customer_id"
            " AND held.businesstype_id = ug.business_type_id"
        )
        params = [*free, *audience.limited_types]
    where = f" FROM tracking_usergroup ug{joins} WHERE ug.business_type_id IN {marks(types)}"
    if len(types) == 1:  # a member stands there once: nothing to group
        sql = f"SELECT ug.customer_id, {offered} AS offered{where}"
    else:
        sql = (
            f"SELECT ug.customer_id, MAX({offered}) AS offered{where}"
            " GROUP BY ug.customer_id"
        )
    return sql, [*params, *types]


_HELD = (
    "SELECT DISTINCT bl.businesstype_id, cl.customer_id"
    " FROM customers_businesstype_labels bl JOIN customers_customerlabel cl"
    " ON cl.label_id = bl.label_id AND cl.until IS NULL"
    " WHERE bl.businesstype_id IN {types}"
)


def _reasons(audience: Audience) -> tuple[str, list[Any], str, list[Any]]:
    """The CASE's branches and the joins that they look at, each with parameters."""
    asked = [_labels(audience), _standard(audience), _no_apply(audience)]
    asked += [_stopped(audience), _consent(), _suppressed(), _capped(audience)]
    cases = joins = ""
    case_params: list[Any] = []
    join_params: list[Any] = []
    for reason, condition, its_params, its_joins, its_join_params in asked:
        if condition:
            cases += f"\n    WHEN {condition} THEN '{reason}'"
            case_params += its_params
        joins += its_joins
        join_params += its_join_params
    return cases, case_params, joins, join_params


Asked = tuple[str, str, list[Any], str, list[Any]]


def _labels(audience: Audience) -> Asked:
    condition, joins = "g.offered = 0", ""
    params: list[Any] = []
    for number, labels in enumerate(audience.label_sets):
        joins += (
            " LEFT JOIN (SELECT DISTINCT customer_id FROM customers_customerlabel"  # noqa: S608
            f" WHERE until IS NULL AND label_id IN {marks(labels)}) l{number}"
            f" ON l{number}.customer_id = c.id"
        )
        condition += f" OR l{number}.customer_id IS NULL"
        params += labels
    return Reason.LABEL, condition, [], joins, params


def _standard(audience: Audience) -> Asked:
    if audience.criteria is None:
        return Reason.STANDARD, "", [], "", []
    found: Standard = compile_standard(
        audience.criteria, types=audience.business_types, as_of=audience.as_of
    )
    condition = f"NOT ({found.condition})"
    params = found.condition_params
    return Reason.STANDARD, condition, params, found.joins, found.join_params


def _no_apply(audience: Audience) -> Asked:
    if not audience.offers_application:
        return Reason.NO_APPLY, "", [], "", []
    now = db_time(audience.now)
    join = (
        " LEFT JOIN (SELECT DISTINCT customer_id FROM customers_noapplyinterval"
        " WHERE start_at <= %s AND end_at > %s AND ended_at IS NULL) na"
        " ON na.customer_id = c.id"
    )
    return Reason.NO_APPLY, "na.customer_id IS NOT NULL", [], join, [now, now]


def _stopped(audience: Audience) -> Asked:
    if audience.activity is None:
        return Reason.STOPPED, "", [], "", []
    join = (
        " LEFT JOIN campaigns_signup st ON st.customer_id = c.id"
        " AND st.activity_id = %s AND st.status = %s"
    )
    params = [audience.activity, SignUp.Status.INTERCEPTED.value]
    return Reason.STOPPED, "st.id IS NOT NULL", [], join, params


def _consent() -> Asked:
    join = (
        " LEFT JOIN customers_consent co ON co.customer_id = c.id"
        " AND co.purpose = %s AND co.withdrawn_at IS NULL"
    )
    marketing = [Consent.Purpose.MARKETING.value]
    return Reason.CONSENT, "co.customer_id IS NULL", [], join, marketing


def _suppressed() -> Asked:
    join = (
        " LEFT JOIN (SELECT DISTINCT phone_index FROM customers_suppression) su"
        " ON su.phone_index = c.phone_index"
    )
    return Reason.SUPPRESSED, "su.phone_index IS NOT NULL", [], join, []


def _capped(audience: Audience) -> Asked:
    """Every cap by one look at the number's messages."""
    if not audience.caps:
        return Reason.CAP, "", [], "", []
    counts, params = [], list[Any]()
    for hours, count in audience.caps:
        counts.append("COUNT(*) FILTER (WHERE m.created_at >= %s) >= %s")
        params += [db_time(audience.now - timedelta(hours=hours)), count]
    longest = max(hours for hours, _count in audience.caps)
    never = ", ".join(str(int(status)) for status in LEFT_OUT)
    condition = (
        f"(SELECT {' OR '.join(counts)} FROM messaging_message m"  # noqa: S608
        " WHERE m.phone_index = c.phone_index AND m.created_at >= %s AND m.is_marketing"
        f" AND m.status NOT IN ({never}))"
    )
    params.append(db_time(audience.now - timedelta(hours=longest)))
    return Reason.CAP, condition, params, "", []
