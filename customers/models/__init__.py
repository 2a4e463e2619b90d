from __future__ import annotations

from .business import BusinessType, BusinessTypeAlias
from .consent import Consent, Suppression
from .credit import CreditFacts, CreditLine, CreditSource
from .customer import Customer
from .label import CustomerLabel, Label, LabelChange
from .rule import CompletionRequest, NoApplyInterval, Rule, RuleVersion, ScreeningRun

__all__ = [
    "BusinessType",
    "BusinessTypeAlias",
    "CompletionRequest",
    "Consent",
    "CreditFacts",
    "CreditLine",
    "CreditSource",
    "Customer",
    "CustomerLabel",
    "Label",
    "LabelChange",
    "NoApplyInterval",
    "Rule",
    "RuleVersion",
    "ScreeningRun",
    "Suppression",
]
