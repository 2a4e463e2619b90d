"""The people of the demo world: names, numbers, credit and habits, all invented.

The last two digits of a number decide what the simulator does with an SMS to it (see
`backoffice/simulator`); numbers +86 138 0013 8xxx belong to nobody here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

CHINESE = ["王伟", "李娜", "张敏", "刘洋", "陈静", "杨帆", "赵磊", "黄丽", "周强", "吴婷", "徐明", "孙悦", "马超", "朱琳", "胡军", "郭芳", "何勇", "高洁", "林峰", "罗丹", "郑凯", "梁雪", "谢涛", "宋佳", "唐辉", "许晴", "韩冰", "冯刚", "邓丽", "曹阳", "彭博", "曾敏", "肖红", "田野", "董洁", "袁鹏"]  # fmt: skip
ENGLISH = ["Alice Brown", "James Clark", "Emma Davis", "Oliver Evans", "Sophia Foster", "Liam Gray", "Mia Harris", "Noah Hughes", "Ava Irving", "Lucas Jones", "Grace King", "Henry Lewis", "Chloe Moore", "Jack Nolan", "Ella Owens", "Leo Parker", "Ruby Quinn", "Max Reed", "Zoe Scott", "Adam Turner", "Lily Underwood", "Owen Vance", "Nina Walsh", "Theo Young"]  # fmt: skip

# Endings with a fate of their own; everybody else's SMS is delivered.
FATES = ["99", "98", "97", "96", "95", "94", "88", "87", "77", "76"]


@dataclass(frozen=True)
class Person:
    """`habit`: what they pay for each month; `facts`: their credit, where not all well."""

    number: str
    name: str
    phone: str
    language: str
    lines: tuple[str, ...]
    consents: bool
    facts: dict[str, bool] = field(default_factory=dict)
    # What the person says when called, and whether the call is taken at all.
    on_the_phone: dict[str, Any] = field(default_factory=dict)

    @property
    def payments(self) -> int:
        """How many payments over 1,000 they made within the year."""
        return int(self.number[1:]) // 2 % 4


LINES = (("heavy",), ("heavy", "light"), ("heavy", "light"), ("light",))
WORSE = {"D1007": "blacklisted", "D1019": "controlled", "D1027": "limit_closed"}
NOT_NOW = {"D1010": "data_incomplete", "D1022": "in_funder_blackout"}


def everybody() -> Iterator[Person]:
    """Sixty people: 36 who read Chinese, 24 who read English."""
    people = [*((n, "zh-hans") for n in CHINESE), *((n, "en") for n in ENGLISH)]
    for index, (name, language) in enumerate(people):
        yield _person(index, name, language)


def _person(index: int, name: str, language: str) -> Person:
    number = f"D{1001 + index}"
    fact = WORSE.get(number) or NOT_NOW.get(number)
    return Person(
        number=number,
        name=name,
        phone=f"+8613800138{index // 20 % 10}{_ending(index)}",
        language=language,
        lines=LINES[index % 4],
        consents=index % 13 != 12,
        facts={fact: True} if fact else {},
        on_the_phone=_on_the_phone(index, language),
    )


def _ending(index: int) -> str:
    """Every second of the first twenty numbers of each hundred has a fate of its own."""
    place = index % 20
    return FATES[place // 2] if place % 2 else f"{place:02}"


def card_digits(person: Person) -> str:
    """The last four digits of the card that the person signs up with."""
    return f"{4700 + int(person.number[1:]) % 1000}"


def _on_the_phone(index: int, language: str) -> dict[str, Any]:
    """Chinese speakers answer by keypad, English speakers by voice."""
    return {
        "picks_up": "answer",
        "by": "keypad" if language == "zh-hans" else "voice",
        "answers": {"digits": f"{4700 + (1001 + index) % 1000}", "yesno": "yes"},
    }
