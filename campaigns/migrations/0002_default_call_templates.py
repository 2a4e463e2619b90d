"""What a verification call says, in both languages, and thresholds of risk signals."""

from django.db import migrations
from django.utils.translation import gettext_noop as _

TEMPLATES = [
    (
        "Sign-up check (English)",
        "en",
        """\
Hello. You signed up for {activity}. To confirm that it was you, please answer one \
question after the tone, by voice or on the keypad. {question}""",
    ),
    (
        "报名核实（中文）",
        "zh-hans",
        """\
您好，您报名参加了{activity}。为确认是您本人报名，请在提示音后回答一个问题，\
可以说出答案，也可以按键输入。{question}""",
    ),
]
PARAMETERS = [
    (
        "sign_ups_per_phone_range",
        20,
        _(
            "More of an activity's newest 1,000 sign-ups than this from one range of numbers (seven digits) are a risk signal."
        ),
    ),
    (
        "activities_per_customer",
        5,
        _("A customer in more activities than this is a risk signal."),
    ),
]


def add_defaults(apps, schema_editor):
    CallTemplate = apps.get_model("campaigns", "CallTemplate")
    for name, language, text in TEMPLATES:
        CallTemplate.objects.create(name=name, language=language, text=text)
    Parameter = apps.get_model("platform", "Parameter")
    for name, value, description in PARAMETERS:
        Parameter.objects.create(name=name, value=value, description=description)


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0001_initial"),
        ("platform", "0002_defaults"),
    ]
    operations = [migrations.RunPython(add_defaults, migrations.RunPython.noop)]
