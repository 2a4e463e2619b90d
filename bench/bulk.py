"""`bulk_100`: an event of 1,000,000 recipients, 100 a request; `bulk_growth`: beside 100,000."""

from __future__ import annotations

from bench import campaign, world
from bench.results import Result

LARGE, SMALL = 1_000_000, 100_000


def run():
    world.members(LARGE)
    bare = campaign.bare(LARGE)
    campaign.forget_messages()
    small = campaign.run(SMALL)
    campaign.forget_messages()
    large = campaign.run(LARGE)
    return [
        Result("bulk_100", large.rate, "messages/s", bare),
        Result("bulk_growth", large.rate, "messages/s", small.rate),
        Result("worker_rss_mb", large.rss_mb, "MB", 300),
    ]
