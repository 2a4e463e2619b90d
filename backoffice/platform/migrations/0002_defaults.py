"""Numbers, times and lists that a bank may change, and when periodic work runs."""

from django.db import migrations
from django.utils.translation import gettext_noop as _

PARAMETERS = [
    ("marketing_cap", [{"count": 2, "hours": 24}, {"count": 6, "hours": 168}], _("Marketing only: at most so many SMS per customer in so many hours.")),
    ("account_pause_seconds", 2, _("A provider account that takes nothing is left alone for so many seconds.")),
    ("repeat_minutes", 30, _("The same text to the same number again within so many minutes is refused.")),
    ("opt_out_words", ["TD", "T", "N", "R", "退订", "拒收", "STOP", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"], _("A reply that is one of these words suppresses the number for marketing.")),
    ("marketing_footer", {"zh-hans": "拒收请回复R", "en": "Reply STOP to opt out"}, _("Marketing only: how to refuse, by language; set after each text by itself.")),
    ("send_chunk_size", 5000, _("Messages in one chunk of sending.")),
    ("fence_size", 250, _("Messages marked as being sent at a time: what a killed worker leaves unknown.")),
    ("lease_seconds", 120, _("A chunk not finished within so many seconds is given to another worker.")),
    ("unknown_query_after_seconds", 60, _("A message of unknown outcome is asked about after so many seconds.")),
    ("unknown_query_gap_seconds", 600, _("Time between two questions about a message of unknown outcome.")),
    ("unknown_person_hours", 24, _("A message unknown for so many hours needs a person.")),
    ("receipt_wait_hours", 72, _("A message without a receipt for so many hours is expired.")),
    ("account_errors", [{"errors": 50, "share": 0.05, "seconds": 60}, {"errors": 3, "share": 0.5, "seconds": 900}], _("So many SMS in error at an account, and this share of all (0 to 1), in so many seconds: its weight goes down.")),
    ("slow_delivery", {"share": 0.15, "slower_than": 300, "seconds": 900, "least": 20}, _("This share (0 to 1) of an account's SMS of so many seconds, of at least so many, delivered slower than so many seconds: its weight goes down.")),
    ("weight_step", 10, _("Points that an account's weight moves at a time.")),
    ("weight_back_seconds", 900, _("An account without errors for so many seconds gets points back.")),
    ("stop_after_invalid", 1, _("A number that was said not to exist so often gets no SMS any more. 0: never.")),
    ("stop_after_blocked", 2, _("A number that blocked us so often gets no marketing any more. 0: never.")),
    ("recycled_days", 90, _("A number not reached for so many days and then reached may have a new owner.")),
    ("parked_receipt_days", 30, _("A receipt whose SMS does not turn up within so many days is forgotten.")),
    ("callback_days", 90, _("What providers sent us is kept as it came for so many days.")),
    ("call_attempts", 3, _("How often a verification call is tried.")),
    ("call_retry_seconds", 600, _("Time between two tries of a verification call.")),
    ("call_confidence", 0.6, _("A recognised answer below this confidence (0 to 1) is unsure.")),
    ("link_token_seconds", 900, _("How long the token that a link's redirect adds is valid.")),
    ("sign_ups_per_ip", 5, _("More sign-ups than this from one address in one activity are a risk signal.")),
    ("sign_ups_per_device", 3, _("More sign-ups than this from one device in one activity are a risk signal.")),
    ("send_hour", "09:00", _("Local time at which the notices of a day go out.")),
]  # fmt: skip

SCHEDULES = [
    ("customers.jobs.screen_all", "0 2 * * *"),
    ("customers.jobs.screen_moved", "30 2 * * *"),
    ("customers.jobs.sweep_screenings", "every 300 seconds"),
    ("backoffice.platform.jobs.sweep_imports", "every 60 seconds"),
    ("messaging.jobs.wake_due", "every 5 seconds"),
    ("messaging.jobs.sweep", "every 15 seconds"),
    ("messaging.jobs.sweep_calls", "every 5 seconds"),
    ("messaging.jobs.watch_accounts", "every 60 seconds"),
    ("messaging.jobs.flag_recycled", "20 3 * * *"),
    ("messaging.jobs.sweep_parked", "20 * * * *"),
    ("tracking.jobs.scan_sources", "every 30 seconds"),
    ("tracking.jobs.take_clicks", "every 2 seconds"),
    ("tracking.jobs.read_messaging", "every 60 seconds"),
    ("campaigns.jobs.send_due_notices", "every 30 seconds"),
    ("campaigns.jobs.sweep_pushes", "every 5 seconds"),
    ("campaigns.jobs.sweep_verifications", "every 5 seconds"),
]


def add_defaults(apps, schema_editor):
    Parameter = apps.get_model("platform", "Parameter")
    Parameter.objects.bulk_create(
        Parameter(name=name, value=value, description=description)
        for name, value, description in PARAMETERS
    )
    Schedule = apps.get_model("platform", "Schedule")
    Schedule.objects.bulk_create(
        Schedule(
            kind=kind,
            expression=expression,
            # What comes again within seconds is not made up for.
            missed="skip" if expression.startswith("every") else "run_once",
        )
        for kind, expression in SCHEDULES
    )


class Migration(migrations.Migration):
    dependencies = [("platform", "0001_initial")]
    operations = [migrations.RunPython(add_defaults, migrations.RunPython.noop)]
