from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from customers.models import BusinessTypeAlias
from tests.builders import NOON, make_business_type, make_customer, make_source
from tracking.ingest import ingest
from tracking.models import BehaviourFile, BehaviourRecord, QuarantinedRow, UserGroup
from tracking.quarantine import add_word, feed_again
from tracking.sources.files import scan

pytestmark = pytest.mark.django_db


@pytest.fixture
def source(tmp_path):
    """Two rows of an unknown word, one without a user; all set aside."""
    text = "user;type;sum\n1;SIPO;5\n2;SIPO;5\n;SIPO;5\n3;UVER;5\n"
    (tmp_path / "a.csv").write_text(text)
    make_customer(external_id="1")
    source = make_source(url=f"file://{tmp_path}")
    scan(source, timezone.now() + timedelta(minutes=5))
    return source


@pytest.mark.requirement("C1")
def test_a_word_made_known_feeds_the_rows_it_held_back(source):
    row = QuarantinedRow.objects.filter(word="SIPO").first()
    household = make_business_type("household")
    fed = add_word(row, household, any_source=False, now=NOON)
    assert fed == (2, 1, 0)
    alias = BusinessTypeAlias.objects.get()
    assert (alias.source, alias.word) == (source.name, "SIPO")
    assert BehaviourRecord.objects.count() == 2
    assert UserGroup.objects.get().count == 1


def test_a_row_that_is_still_bad_stays_with_its_reason_of_now(source):
    row = QuarantinedRow.objects.filter(word="SIPO").first()
    add_word(row, make_business_type("household"), any_source=True, now=NOON)
    left = QuarantinedRow.objects.get(resolved_at=None, word="")
    assert left.reason == "The customer number is empty."


def test_fed_rows_move_the_counts_of_their_file(source):
    BusinessTypeAlias.objects.create(
        word="SIPO", business_type=make_business_type("household")
    )
    feed_again(QuarantinedRow.objects.all(), now=NOON)
    file = BehaviourFile.objects.get()
    assert (file.record_count, file.quarantined_count) == (2, 2)


def test_a_row_fed_twice_is_one_record(source):
    BusinessTypeAlias.objects.create(
        word="SIPO", business_type=make_business_type("household")
    )
    feed_again(QuarantinedRow.objects.all(), now=NOON)
    QuarantinedRow.objects.update(resolved_at=None)
    feed_again(QuarantinedRow.objects.all(), now=NOON)
    assert BehaviourRecord.objects.count() == 2
    assert UserGroup.objects.get().count == 1


def test_feeding_stops_at_its_limit_and_says_how_many_wait(source):
    # The limit is looked at between batches, and a batch takes all four.
    assert feed_again(QuarantinedRow.objects.all(), now=NOON, at_most=0).more == 4


def test_rows_of_the_api_with_the_same_number_are_all_fed():
    source = make_source(columns={})
    for key in "ab":
        row = {"record_key": key, "external_id": "1", "business_type": "SIPO"}
        ingest(source, [row], first_row=1, file=None, now=NOON)
    BusinessTypeAlias.objects.create(
        word="SIPO", business_type=make_business_type("household")
    )
    assert feed_again(QuarantinedRow.objects.all(), now=NOON).resolved == 2
