from __future__ import annotations

from .behaviour import BehaviourRecord, DayRollup, UserGroup
from .record import Click, ParameterSet, ParameterValue, TrackingRecord
from .source import BehaviourFile, BehaviourSource, QuarantinedRow, ReadPosition

__all__ = [
    "BehaviourFile",
    "BehaviourRecord",
    "BehaviourSource",
    "Click",
    "DayRollup",
    "ParameterSet",
    "ParameterValue",
    "QuarantinedRow",
    "ReadPosition",
    "TrackingRecord",
    "UserGroup",
]
