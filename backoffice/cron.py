"""The kinds of periodic work, each with the lane that its jobs go to.

A kind is the dotted name of a job that takes no argument and returns counts. *When* it
runs is a `Schedule` row in the admin. Long work goes to the lane `marketing`, so that a
service message never waits behind it.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

KINDS: dict[str, str] = {
    "customers.jobs.screen_all": "marketing",
    "customers.jobs.screen_moved": "marketing",
    "customers.jobs.sweep_screenings": "default",
    "messaging.jobs.wake_due": "service",
    "messaging.jobs.sweep": "default",
    "messaging.jobs.sweep_calls": "default",
    "messaging.jobs.watch_accounts": "default",
    "messaging.jobs.flag_recycled": "marketing",
    "messaging.jobs.sweep_parked": "marketing",
    "tracking.jobs.scan_sources": "marketing",
    "tracking.jobs.take_clicks": "default",
    "tracking.jobs.read_messaging": "marketing",
    "campaigns.jobs.send_due_notices": "default",
    "campaigns.jobs.sweep_pushes": "default",
    "campaigns.jobs.sweep_verifications": "default",
    "backoffice.platform.jobs.sweep_imports": "default",
    "backoffice.scheduling.prune_runs": "default",
}

# What the kinds of work do, as staff call it. A kind that is not here shows its name.
WORDS: dict[str, Any] = {
    "customers.jobs.screen_all": _("Screen all customers"),
    "customers.jobs.screen_moved": _(
        "Screen again the customers moved for worse credit"
    ),
    "customers.jobs.sweep_screenings": _("See screenings through"),
    "messaging.jobs.wake_due": _("Send what has waited for its time"),
    "messaging.jobs.sweep": _("Send what is due, settle what is in doubt"),
    "messaging.jobs.sweep_calls": _("Make the calls that are due"),
    "messaging.jobs.watch_accounts": _("Move the weights of provider accounts"),
    "messaging.jobs.flag_recycled": _("Find numbers that may have a new owner"),
    "messaging.jobs.sweep_parked": _(
        "Match receipts that came too early, forget what providers sent long ago"
    ),
    "tracking.jobs.scan_sources": _("Scan the behaviour sources"),
    "tracking.jobs.take_clicks": _("Take clicks into the behaviour log"),
    "tracking.jobs.read_messaging": _(
        "Take deliveries and replies into the behaviour log"
    ),
    "campaigns.jobs.send_due_notices": _("Send the notices of the day"),
    "campaigns.jobs.sweep_pushes": _("See running pushes through"),
    "campaigns.jobs.sweep_verifications": _("See verification calls through"),
    "backoffice.platform.jobs.sweep_imports": _("See imports through"),
    "backoffice.scheduling.prune_runs": _("Forget old schedule runs"),
}
