"""How long the runs of schedules are kept, and the schedule that forgets the older."""

from django.db import migrations
from django.utils.translation import gettext_noop as _

PARAMETERS = [
    ("schedule_run_days", 30, _("Runs of cron schedules are kept for so many days.")),
    (
        "interval_run_hours",
        2,
        _("Runs of interval schedules are kept for so many hours."),
    ),
]


def add_pruning(apps, schema_editor):
    Parameter = apps.get_model("platform", "Parameter")
    Parameter.objects.bulk_create(
        Parameter(name=name, value=value, description=description)
        for name, value, description in PARAMETERS
    )
    apps.get_model("platform", "Schedule").objects.create(
        kind="backoffice.scheduling.prune_runs",
        expression="every 600 seconds",
        missed="skip",
    )


class Migration(migrations.Migration):
    dependencies = [("platform", "0002_defaults")]
    operations = [migrations.RunPython(add_pruning, migrations.RunPython.noop)]
