from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from messaging.models import Message
from tests.builders import make_business_type, make_customer, make_message
from tracking import clicks, redirect
from tracking.codes import ALPHABET, is_code, new_codes
from tracking.links import make_token, read_token, with_token
from tracking.models import Click, DayRollup, ParameterValue, TrackingRecord
from tracking.records import Track, Tracking, check_tree, record

TREE = [
    {"name": "channel", "value": "sms", "children": [{"name": "spot", "value": "s-7"}]},
    {"name": "season", "value": "autumn"},
]


@pytest.fixture(autouse=True)
def _nothing_cached(monkeypatch):
    redirect._known.clear()
    monkeypatch.setattr(redirect, "close_old_connections", lambda: None)


def tracked(code="abcd2345", **over):
    message = make_message(make_customer())
    values = {
        "requested_by": "cards",
        "target": "https://bank.example/offer",
        "tree": TREE,
    }
    record(
        [Track(message.pk, message.customer_id, code)],
        Tracking(**(values | over)),
        now=timezone.now(),
    )
    return message


def get(path, method="GET", **headers):
    seen = []
    environ = {"PATH_INFO": path, "REQUEST_METHOD": method, "REMOTE_ADDR": "10.1.2.3"}
    redirect.door(
        environ | headers, lambda status, sent: seen.extend([status, dict(sent)])
    )
    return int(seen[0][:3]), seen[1]


# --- codes -----------------------------------------------------------------------


def test_codes_are_different_and_of_the_alphabet():
    codes = new_codes(20_000)
    assert len(set(codes)) == 20_000
    assert all(is_code(code) for code in codes)


def test_every_letter_is_as_likely_as_another():
    letters = "".join(new_codes(20_000))
    counts = [letters.count(chr(letter)) for letter in ALPHABET]
    assert max(counts) / min(counts) < 1.2


# --- the tracking record -----------------------------------------------------------


@pytest.mark.requirement("E2")
@pytest.mark.django_db
def test_sms_id_and_link_code_map_one_to_one():
    message = tracked()
    assert TrackingRecord.objects.get(code="abcd2345").message == message
    with pytest.raises(Exception, match="(?i)unique"):
        tracked(code="abcd2345")


@pytest.mark.requirement("E8")
@pytest.mark.django_db
def test_record_holds_who_ordered_who_receives_and_for_what():
    kind = make_business_type()
    message = tracked(business_type_id=kind.pk)
    kept = TrackingRecord.objects.get(message=message)
    assert (kept.requested_by, kept.customer, kept.business_type) == (
        "cards",
        message.customer,
        kind,
    )
    assert kept.message.status == Message.Status.QUEUED


@pytest.mark.requirement("E7")
@pytest.mark.django_db
def test_parallel_and_nested_parameters_are_kept_and_shared():
    first, second = tracked("abcd2345"), tracked("abcd2346")
    assert first.tracking.parameters_id == second.tracking.parameters_id
    values = set(ParameterValue.objects.values_list("path", "value"))
    assert values == {("channel", "sms"), ("channel/spot", "s-7"), ("season", "autumn")}


@pytest.mark.parametrize(
    "tree",
    ["x", [1], [{"name": "a"}], [{"name": "a/b", "value": "1"}], [{"value": "1"}]],
)
def test_malformed_parameters_are_refused(tree):
    with pytest.raises(ValueError):
        check_tree(tree)


# --- the click ---------------------------------------------------------------------


@pytest.mark.requirement("E6")
@pytest.mark.django_db
def test_click_is_redirected_and_logged_with_its_sms_id():
    message = tracked()
    status, headers = get("/l/abcd2345", HTTP_USER_AGENT="Phone")
    clicks.take_clicks()
    assert (status, headers["Location"]) == (302, "https://bank.example/offer")
    click = Click.objects.get()
    assert (click.message, click.agent, click.network) == (
        message,
        "Phone",
        "10.1.2.0/24",
    )


@pytest.mark.requirement("E7")
@pytest.mark.django_db
def test_click_is_logged_with_its_tracking_parameters():
    tracked()
    get("/l/abcd2345")
    clicks.take_clicks()
    assert Click.objects.get().parameters.tree == TREE


@pytest.mark.requirement("X1")
@pytest.mark.django_db
def test_click_is_behaviour_of_its_business_type():
    kind = make_business_type()
    message = tracked(business_type_id=kind.pk)
    get("/l/abcd2345")
    clicks.take_clicks()
    day = DayRollup.objects.get(kind="click")
    assert (day.customer, day.business_type, day.count) == (message.customer, kind, 1)


@pytest.mark.django_db
def test_click_taken_twice_is_one():
    tracked()
    event = clicks.ClickEvent("e1", "abcd2345", timezone.now().isoformat(), "", "")
    assert [clicks.store([event]), clicks.store([event])] == [1, 0]


@pytest.mark.django_db
def test_click_goes_straight_to_the_database_where_redis_is_away(settings):
    tracked()
    settings.RQ_QUEUES = {"default": {"URL": "unix:///nowhere.sock"}}
    event = clicks.ClickEvent("e1", "abcd2345", timezone.now().isoformat(), "", "")
    redirect._keep(event)
    assert Click.objects.count() == 1


@pytest.mark.django_db
def test_person_goes_on_where_a_click_cannot_be_kept(settings):
    tracked()
    get("/l/abcd2345", "HEAD")  # the target is known from here on
    settings.RQ_QUEUES = {"default": {"URL": "unix:///nowhere.sock"}}
    with connection.execute_wrapper(refuse):
        assert get("/l/abcd2345")[0] == 302


def refuse(*_args):
    raise DatabaseError


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("https://x.example/活动", "https://x.example/%E6%B4%BB%E5%8A%A8"),
        (
            "https://x.example/\r\nSet-Cookie: a",
            "https://x.example/%0D%0ASet-Cookie:%20a",
        ),
        ("https://x.example/a%20b?c=d&e=f#g", "https://x.example/a%20b?c=d&e=f#g"),
    ],
)
def test_target_is_one_line_of_plain_letters(target, location):
    tracked(target=target)
    assert get("/l/abcd2345")[1]["Location"] == location


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/l/zzzz9999", "/l/x", "/l/", "/l/http://evil.example"]
)
def test_unknown_code_is_not_found_and_leads_nowhere(path):
    status, headers = get(path)
    assert status == 404
    assert "Location" not in headers


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "headers"), [("HEAD", {}), ("GET", {"HTTP_SEC_PURPOSE": "prefetch"})]
)
def test_head_and_prefetch_do_not_count(method, headers):
    tracked()
    assert get("/l/abcd2345", method, **headers)[0] == 302
    assert clicks.take_clicks() == 0


# --- the token ----------------------------------------------------------------------


@pytest.mark.django_db
def test_redirect_to_an_activity_carries_a_token_that_names_the_code():
    tracked(adds_token=True, target="https://bank.example/a/x?lang=en")
    location = get("/l/abcd2345")[1]["Location"]
    assert location.startswith("https://bank.example/a/x?lang=en&t=")
    token = location.partition("&t=")[2].replace("%3A", ":")
    assert read_token(token, timezone.now()) == "abcd2345"


@pytest.mark.django_db
def test_token_is_worth_nothing_when_forged_or_old():
    now = timezone.now()
    token = make_token("abcd2345", now)
    assert read_token(token + "x", now) is None
    assert read_token(token, now + timedelta(hours=1)) is None


def test_token_does_not_clobber_the_targets_own_query():
    assert (
        with_token("https://x.example/p?a=1#f", "T") == "https://x.example/p?a=1&t=T#f"
    )
