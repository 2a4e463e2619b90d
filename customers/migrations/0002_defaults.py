"""The shipped rule set (B1, B3, B4, B5, B8): labels and rules that staff may edit."""

from django.db import migrations

LABELS = [
    ("light", "Light-asset", "轻资产客群"),
    ("heavy", "Heavy-asset", "重资产客群"),
    ("overlay", "Light and heavy overlay", "轻重叠加客群"),
]


def fact(name, value=True):
    return {"fact": name, "is": value}


WORSE = ["blacklisted", "controlled", "diverted", "limit_closed"]
NOTHING_WORSE = {"not": {"any": [fact(name) for name in WORSE]}}

# code, English, Chinese, from, came from, condition, to
LABEL_RULES = [
    (
        "heavy_line_only",
        "A heavy-asset line only: heavy-asset",
        "仅有重资产授信：重资产客群",
        None,
        None,
        {"all": [fact("has_heavy_line"), fact("has_light_line", False)]},
        "heavy",
    ),
    (
        "both_lines",
        "Both kinds of line: overlay",
        "轻、重资产授信均有：轻重叠加客群",
        None,
        None,
        {"all": [fact("has_heavy_line"), fact("has_light_line")]},
        "overlay",
    ),
    (
        "anything_else",
        "Anything else: light-asset",
        "其他：轻资产客群",
        None,
        None,
        {},
        "light",
    ),
    (
        "worse_credit",
        "Credit got worse: heavy-asset becomes light-asset",
        "信用变差：重资产转为轻资产",
        "heavy",
        None,
        {"any": [fact(name) for name in WORSE]},
        "light",
    ),
    (
        "recovered_with_light_line",
        "Moved for worse credit, recovered, has a light-asset line: heavy-asset",
        "因信用变差转出、已恢复且有轻资产授信：重资产客群",
        "light",
        "worse_credit",
        {"all": [NOTHING_WORSE, fact("has_light_line")]},
        "heavy",
    ),
    (
        "recovered_without_light_line",
        "Moved for worse credit, recovered, no light-asset line: overlay",
        "因信用变差转出、已恢复且无轻资产授信：轻重叠加客群",
        "light",
        "worse_credit",
        {"all": [NOTHING_WORSE, fact("has_light_line", False)]},
        "overlay",
    ),
]

# code, English, Chinese, fact, opens a completion request
NO_APPLY_RULES = [
    (
        "no_apply_temporarily_worse",
        "No-apply: credit temporarily worse",
        "禁申期：信用暂时变差",
        "temporarily_worse",
        False,
    ),
    (
        "no_apply_funder_blackout",
        "No-apply: loan in the funder's blackout period",
        "禁申期：当前借款处于资方黑暗期",
        "in_funder_blackout",
        False,
    ),
    (
        "no_apply_controlled",
        "No-apply: currently controlled",
        "禁申期：当前被管制",
        "controlled",
        False,
    ),
    (
        "no_apply_data_incomplete",
        "No-apply: data incomplete, completion requested",
        "禁申期：资料不全，触发补正",
        "data_incomplete",
        True,
    ),
    (
        "no_apply_maintenance",
        "No-apply: in a maintenance period",
        "禁申期：处于维护期",
        "in_maintenance",
        False,
    ),
]
DAYS = 30


def add_defaults(apps, schema_editor):
    Label = apps.get_model("customers", "Label")
    labels = {
        code: Label.objects.create(
            code=code, name=name, name_zh=name_zh, kind="segment"
        )
        for code, name, name_zh in LABELS
    }
    rules = {}
    for code, text, text_zh, start, came_from, condition, to in LABEL_RULES:
        rules[code] = _add_rule(
            apps,
            code=code,
            position=10 * (len(rules) + 1),
            description=text,
            description_zh=text_zh,
            from_label=labels.get(start),
            came_from=rules.get(came_from),
            condition=condition,
            action="label",
            to_label=labels[to],
        )
    for code, text, text_zh, name, opens in NO_APPLY_RULES:
        rules[code] = _add_rule(
            apps,
            code=code,
            position=10 * (len(rules) + 1),
            description=text,
            description_zh=text_zh,
            from_label=labels["overlay"],
            condition=fact(name),
            action="no_apply",
            no_apply_days=DAYS,
            opens_completion=opens,
        )


def _add_rule(apps, **values):
    rule = apps.get_model("customers", "Rule").objects.create(**values)
    apps.get_model("customers", "RuleVersion").objects.create(
        rule=rule,
        version=1,
        condition=rule.condition,
        definition={
            "from": rule.from_label.code if rule.from_label else None,
            "came_from": rule.came_from.code if rule.came_from else None,
            "action": rule.action,
            "to": rule.to_label.code if rule.to_label else None,
            "no_apply_days": rule.no_apply_days,
            "is_enabled": True,
        },
    )
    return rule


class Migration(migrations.Migration):
    dependencies = [("customers", "0001_initial")]
    operations = [migrations.RunPython(add_defaults, migrations.RunPython.noop)]
