"""Texts that no page names: here only so that they come into the catalogue."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _
from django.utils.translation import ngettext_lazy

# Django's own, which its Chinese lacks.
DJANGO = (
    _("Model name"),
    _("Add link"),
    _("Change or view list link"),
    _("Error:"),
    _("After you’ve created a user, you’ll be able to edit more user options."),
    _("Forgotten your login credentials?"),
    _("In case you’ve forgotten, you are:"),
    _("%(model)s instance with %(field)s %(value)r is not a valid choice."),
    ngettext_lazy(
        "This password is too short. It must contain at least %d character.",
        "This password is too short. It must contain at least %d characters.",
    ),
)

# Names inside stored JSON (what a run counted, parts of a parameter), shown by `words_of`.
STORED = (
    _("after"),
    _("again"),
    _("asked"),
    _("before"),
    _("begun"),
    _("calls"),
    _("changed"),
    _("chunks"),
    _("consents"),
    _("count"),
    _("deliveries"),
    _("different"),
    _("done"),
    _("end"),
    _("held"),
    _("hours"),
    _("initial"),
    _("intervals"),
    _("known"),
    _("left"),
    _("listened"),
    _("marked"),
    _("match"),
    _("matched"),
    _("messages"),
    _("mismatch"),
    _("names"),
    _("now"),
    _("overruled"),
    _("parked"),
    _("path"),
    _("placed"),
    _("problem"),
    _("problems"),
    _("pruned"),
    _("replies"),
    _("requests"),
    _("rows"),
    _("scheduled"),
    _("scope"),
    _("screened"),
    _("sent"),
    _("silent"),
    _("start"),
    _("taken"),
    _("target"),
    _("unreached"),
    _("unsure"),
    _("version"),
    _("was"),
    _("woken"),
)
