"""What keeps an event from starting, said before anything is made (C4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.utils.translation import gettext as _

from messaging.classify import words_in
from messaging.models import MessageType, TemplateVersion
from messaging.proof import forbidden_words
from messaging.routing import network
from tracking.records import check_tree

from .criteria import BadCriteria
from .models import MarketingEvent
from .placeholders import LINK, BadValue, event_values, unknown_fields
from .standards_sql import compile_standard


class NotReady(ValueError):
    """The event cannot start as it is; `problems` are sentences for staff."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def require_ready(event: MarketingEvent, *, now: datetime) -> None:
    """Raise NotReady with everything that must be changed first."""
    found = [
        *_type_problems(event),
        *_template_problems(event),
        *_parameter_problems(event),
        *_activity_problems(event, now),
        *_tree_problems(event),
    ]
    if found:
        raise NotReady(found)


def _type_problems(event: MarketingEvent) -> list[str]:
    found = []
    kind = event.event_type
    if not kind.business_types.exists():
        found.append(_("The event type has no business type: choose one there."))
    if kind.message_type.purpose != MessageType.Purpose.MARKETING:
        found.append(
            _("The event type's message type is not for marketing: choose another.")
        )
    if event.template.message_type_id != kind.message_type_id:
        found.append(
            _("The template is for “%(found)s”; the event type wants “%(wanted)s”.")
            % {"found": event.template.message_type, "wanted": kind.message_type}
        )
    return found


def _template_problems(event: MarketingEvent) -> list[str]:
    version = event.template.current
    if version is None:
        return [_("The template has no published version: publish one.")]
    found = [
        _(
            "The template names {%s}, which nothing fills: declare it or change the text."
        )
        % name
        for name in unknown_fields(version.fields, event.event_type)
    ]
    has_target = bool(event.activity or event.link_target)
    if LINK in version.fields and not has_target:
        found.append(
            _("The template has {link}: choose an activity or where the link leads.")
        )
    if LINK not in version.fields and has_target:
        found.append(_("The event has a link, but the template has no {link}."))
    return found + _channel_problems(version)


def _channel_problems(version: TemplateVersion) -> list[str]:
    """A text that no account may carry would wait for one until it is too late."""
    ways = network([version.pk]).ways
    able = [way for way in ways if way.versions is None or version.pk in way.versions]
    if ways and not able:
        return [
            _(
                "No account may send version %d of the template: its provider has to approve it first."
            )
            % version.version
        ]
    if (
        able
        and LINK in version.fields
        and all(way.versions is not None for way in able)
    ):
        return [
            _(
                "The accounts that may send the template refuse a link in a variable: write the link into the text."
            )
        ]
    return []


def _parameter_problems(event: MarketingEvent) -> list[str]:
    version = event.template.current
    named = version.fields if version else ()
    found = [
        _("The parameter “%s” is required, or named by the template: fill it in.") % one
        for one in event.event_type.parameters.all()
        if (one.is_required or one.name in named)
        and event.parameters.get(one.name, "") == ""
    ]
    try:
        values = event_values(event.event_type, event.parameters, language="en")
    except BadValue as error:
        return [*found, str(error)]
    return [*found, *_word_problems(values)]


def _word_problems(values: Mapping[str, str]) -> list[str]:
    """What may not stand in a text may not come in by a value either."""
    refused = [one.word for one in forbidden_words() if one.is_refused]
    return [
        _("“%(word)s” must not stand in a text: change “%(name)s”.")
        % {"word": word, "name": name}
        for name, value in values.items()
        for word in words_in(value, refused)
    ]


def _activity_problems(event: MarketingEvent, now: datetime) -> list[str]:
    if event.activity and event.activity.ends_at <= now:
        return [_("The activity “%s” is over.") % event.activity]
    return []


def _tree_problems(event: MarketingEvent) -> list[str]:
    found = []
    try:
        check_tree(event.tracking)
    except ValueError as error:
        found.append(_("Tracking parameters: %s") % error)
    try:
        if event.standard:
            compile_standard(event.standard.criteria, types=(), as_of=event.created_at)
    except BadCriteria as error:
        found.append(_("Push standard: %s") % error)
    return found
