"""`bulk_aged`: the rate with 10 million old messages in the table beside that with none."""

from __future__ import annotations

from django.db import connection

from bench import campaign, world
from bench.results import Result

ROWS, CUSTOMERS, EACH = 1_000_000, 1_000_000, 10

# Delivered a month ago, one after the other, as pushes leave them behind.
_OLD = """
INSERT INTO messaging_message (id, chunk_id, customer_id, phone, phone_index, template_version_id, parameters,
  is_marketing, created_at, expires_at, status, failure, waiting, attempts, parts, signature, account_id,
  fenced_at, sent_at, settled_at, needs_person)
SELECT (lpad(to_hex(n * 1000000 + c.id), 12, '0') || '70008000000000000000')::uuid, 0, c.id, c.phone, c.phone_index,
  %s, c.phone || c.phone, true, at, at, 50, '', '', 1, 1, '', %s, at, at, at, false
FROM generate_series(1, %s) AS n,
  LATERAL (SELECT now() - interval '60 days' + n * interval '1 day' AS at) AS times,
  customers_customer c WHERE c.source = 'bench' ORDER BY n, c.id
"""


def run():
    world.members(CUSTOMERS)
    campaign.forget_messages()
    fresh = campaign.run(ROWS)
    campaign.forget_messages()
    grow_old()
    aged = campaign.run(ROWS)
    campaign.forget_messages()
    return [Result("bulk_aged", aged.rate, "messages/s", fresh.rate)]


def grow_old():
    version = world.template().current.pk
    with connection.cursor() as cursor:
        cursor.execute(_OLD, [version, world.account().pk, EACH])
        cursor.execute("VACUUM ANALYZE messaging_message")
