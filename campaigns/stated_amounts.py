"""Amounts of money that a text states, in figures and Chinese numerals.

Only a number with its currency is one: order numbers, cards and times are passed over.
Where figures can be read two ways ("1.234" in Prague and in London) both readings stand.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

_FIGURES = (
    r"[0-9]{1,3}(?:[ ,.][0-9]{3})+(?:[.,][0-9]{1,2})?(?![0-9])|[0-9]+(?:[.,][0-9]+)?"
)
_DIGITS = dict(
    zip(
        "零〇一壹二贰两三叁四肆五伍六陆七柒八捌九玖",
        "001122233445566778899",
        strict=True,
    )
)
_PLACES = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_BIG = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_ENGLISH = {
    **dict.fromkeys(("k", "thousand"), 10**3),
    **dict.fromkeys(("m", "mn", "million"), 10**6),
    **dict.fromkeys(("bn", "billion"), 10**9),
}
_ONE = "".join(_DIGITS)
_HAN = _ONE + "".join({**_PLACES, **_BIG})
_QUANTITY = (
    rf"(?:{_FIGURES}|[{_ONE}十拾])(?: ?(?:[{_HAN}]|(?<=[{_HAN}])(?:{_FIGURES})))*"
)
_CODES = "RMB|CNY|USD|EUR|GBP|HKD|JPY|SGD|CZK|PLN|CHF"
_BEFORE = rf"(?:人民币|(?:US|HK)?\$|[¥€£]|(?<![a-z])(?:{_CODES}))"
_AFTER = (
    r"(?:人民币|[美日港欧]元|美金|港币|英镑|元(?![旦宵素件月])|圆|块钱|[¥€£]|Kč"
    rf"|(?:{_CODES}|yuan|dollars?|euros?|pounds?)(?![a-z]))"
)
_SCALE = rf"(?:(?:{'|'.join(_ENGLISH)})(?!\w))"
_COINS = rf"(?:(?P<jiao>[0-9{_ONE}])角)?[零〇]?(?:(?P<fen>[0-9{_ONE}])分)?"
_AMOUNT = re.compile(
    rf"(?:(?P<front>{_BEFORE})\s*:?\s*|(?<![0-9a-z.,])(?<![0-9a-z] ))"
    rf"(?P<quantity>{_QUANTITY})\s?(?P<scale>{_SCALE})?\s?(?P<back>{_AFTER}{_COINS})?",
    re.IGNORECASE,
)
_TOKEN = re.compile(rf"{_FIGURES}|[{_HAN}]")
# What is said of another sum than the one that the notice is about, or not exactly.
_OTHER_BEFORE = re.compile(
    r"余额|额度|限额|授信|(?<!消)费|利息|罚息|滞纳|违约|本金|积分|优惠|减|(?<!避)免|红包|奖|券|满|返|(?<!发)送"
    r"|最[低高]|至少|不少于|不低于|超过|(?<![合签预违按])约(?!定)|(?<!最)近|逾(?!期)|已还|剩余|原(?!因)|其中|含|另"
    r"|首期|每|单笔|上期|累计|[0-9元]\s?[-~–—至到]\s?$"
    r"|\bfees?\b|interest|balance(?! adjust)|\blimit|minimum|\bmin\b|up to|at least|\bover\b|about|approx|\bthan\b"
    r"|principal|remaining|discount|\boff\b|\bsave|cashback|bonus|voucher|credit line|including|\bplus\b|penalty"
    r"|original|\beach\b|\bper\b|\bfrom\b",
    re.IGNORECASE,
)
_OTHER_AFTER = re.compile(
    r"^\s?(?:以[上内下]|左右|起|的?(?:余额|额度|红包|优惠|现金券|券|手续费|利息|奖)|/|多"
    r"|(?:in |of )?(?:fee|interest|limit|balance|vouchers?|discount|off|or more|cashback|bonus|per|each|a month))",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[,，、。;；!！?？()（）\n]|\.\s")


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum as written. `granule`: what it may be rounded to ("1.2万元": 1,000), else 0.

    `is_aside`: a fee, a limit, a balance, "about", "over": not the sum by itself.
    """

    written: str
    readings: frozenset[Decimal]
    granule: Decimal
    is_aside: bool

    def agrees(self, amount: Decimal) -> bool:
        """Whether one of its readings is the amount, or the amount rounded or cut."""
        gaps = [amount - reading for reading in self.readings]
        return any(gap == 0 or -self.granule / 2 <= gap < self.granule for gap in gaps)


def amounts(text: str) -> list[Amount]:
    """The amounts that a text states, in order."""
    plain = folded(text)
    return [
        Amount(found[0].strip(), readings, _granule(found), _is_aside(plain, found))
        for found in _AMOUNT.finditer(plain)
        if (found["front"] or found["back"]) and (readings := frozenset(_read(found)))
    ]


def folded(text: str) -> str:
    """Full width made half; a Chinese comma joins digits only where they are wide too."""
    wide = re.sub(r"(?<=[０-９])，(?=[０-９])", ",", text)
    return unicodedata.normalize("NFKC", wide.replace("，", "、"))


def _read(found: re.Match[str]) -> Iterator[Decimal]:
    scale = _ENGLISH.get((found["scale"] or "").lower(), 1)
    coins = Decimal(_figure(found["jiao"])) / 10 + Decimal(_figure(found["fen"])) / 100
    for value in _values(found["quantity"]):
        yield value * scale + coins


def _figure(digit: str | None) -> str:
    return _DIGITS.get(digit, digit) if digit else "0"


def _values(quantity: str) -> Iterator[Decimal]:
    if any(character in _HAN for character in quantity):
        yield from _chinese(_TOKEN.findall(quantity))
        return
    for group, point in ((",", "."), (".", ",")):
        plain = quantity.replace(" ", group)
        pattern = rf"(?:[0-9]{{1,3}}(?:\{group}[0-9]{{3}})+|[0-9]+)(?:\{point}[0-9]+)?"
        if re.fullmatch(pattern, plain):
            yield Decimal(plain.replace(group, "").replace(point, "."))
    if " " in quantity:
        # The blank may stand between a number and the amount.
        yield from _values(quantity.rpartition(" ")[2])


def _chinese(tokens: list[str]) -> Iterator[Decimal]:
    """ "1万2千", "壹仟贰佰叁拾肆", "1.2万"; "一万二" is 12,000 to one and 10,002 to another."""
    total = section = Decimal(0)
    number: Decimal | None = None
    for token in tokens:
        if token in _BIG:
            section += number or 0
            total = _grown(total, section, _BIG[token])
            section, number = Decimal(0), None
        elif token in _PLACES:
            section += (1 if number is None else number) * _PLACES[token]
            number = None
        else:
            digit = Decimal(_DIGITS.get(token, token.replace(",", "").replace(" ", "")))
            number = digit if number is None else number * 10 + digit
    yield total + section + (number or 0)
    if number and number < 10 and (place := _place(tokens[-2:-1])):
        yield total + section + number * place / 10


def _grown(total: Decimal, section: Decimal, unit: int) -> Decimal:
    """What stood before, with the section counted in 万 or 亿; 亿 counts all before it."""
    if unit > 10**4:
        return (total + section) * unit
    return total + section * unit


def _place(tokens: list[str]) -> int:
    return {**_PLACES, **_BIG}.get(tokens[0], 0) if tokens else 0


def _granule(found: re.Match[str]) -> Decimal:
    """Only what is written with a fraction of a big unit is a rounded sum."""
    quantity, scale = found["quantity"], (found["scale"] or "").lower()
    unit = _ENGLISH.get(scale, _BIG.get(quantity[-1], 0))
    fraction = re.search(r"\.([0-9]+)", quantity)
    return Decimal(unit) / 10 ** len(fraction[1]) if unit and fraction else Decimal(0)


def _is_aside(plain: str, found: re.Match[str]) -> bool:
    before = _CLAUSE.split(plain[max(0, found.start() - 30) : found.start()])[-1]
    after = plain[found.end() : found.end() + 16]
    return bool(_OTHER_BEFORE.search(before) or _OTHER_AFTER.search(after))
