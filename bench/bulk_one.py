"""`bulk_1`: the same event with one message a request."""

from __future__ import annotations

from bench import campaign, world
from bench.results import Result

ROWS = 100_000


def run():
    world.members(ROWS)
    bare = campaign.bare(ROWS, batch=1)
    campaign.forget_messages()
    ran = campaign.run(ROWS, batch=1)
    return [Result("bulk_1", ran.rate, "messages/s", bare)]
