"""A real bank's files (PKDD'99), read with the csv module alone: what the story must find.

Nothing of the house is imported here. See the README beside the data.
"""

from __future__ import annotations

import csv
import os
import time
from collections import Counter, defaultdict
from decimal import Decimal
from functools import cached_property
from pathlib import Path

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "czech-bank-1999"
# The words of both files -> what they mean.
MEANING = {
    "SIPO": "household",
    "household": "household",
    "POJISTNE": "insurance",
    "insurrance payment": "insurance",
    "UVER": "loan-payment",
    "LEASING": "leasing",
    "sanction interest if negative balance": "overdraft",
}
# What the bank did by itself, not its client.
THE_BANKS_OWN = ("interest credited", "payment for statement")
# What the simulator's docstring says of the last two digits of a number: our status and
# reason. Every other number gets its SMS.
FATES = {
    "99": ("failed", "invalid_number"),
    "98": ("failed", "unreachable"),
    "96": ("sent", ""),
    "95": ("failed", "invalid_number"),
}

Row = dict[str, str]


def read(name: str) -> list[Row]:
    with (FOLDER / name).open(newline="", encoding="ascii") as file:
        return list(csv.DictReader(file, delimiter=";"))


def phone_of(client: str) -> str:
    return f"+861380{int(client):07d}"


class Bank:
    """The files, and what follows from them. People are client ids, as texts."""

    def __init__(self) -> None:
        self.clients = [row["client_id"] for row in read("client.asc")]
        self.orders, self.payments = read("order.asc"), read("trans.csv")
        self.loans, rights = read("loan.asc"), read("disp.asc")
        self.owners = {
            row["account_id"]: row["client_id"]
            for row in rights
            if row["type"] == "OWNER"
        }
        account = {row["disp_id"]: row["account_id"] for row in rights}
        self.gold_cards = {
            row["card_id"]: self.owners[account[row["disp_id"]]]
            for row in read("card.asc")
            if row["type"] == "gold"
        }

    # --- what it gives us ---------------------------------------------------------

    def clients_file(self) -> str:
        lines = [
            f"{one};{phone_of(one)};Klient {one};{'no' if one.endswith('7') else 'yes'}"
            for one in self.clients
        ]
        return "\r\n".join(["client_id;mobile;name;consent", *lines])

    def facts_file(self) -> str:
        yes_no = {True: "yes", False: "no"}
        lines = [
            f"{self.owners[loan['account_id']]},{yes_no[loan['status'] == 'B']}"
            f",{yes_no[loan['status'] == 'D']}"
            for loan in self.loans
        ]
        return "\n".join(["client_id,blacklisted,controlled", *lines])

    def lines_file(self) -> str:
        lines = [
            f"{self.owners[loan['account_id']]},loan {loan['loan_id']},light,{loan['amount']}"
            for loan in self.loans
            if loan["status"] in "CD"
        ]
        lines += [f"{who},card {card},heavy," for card, who in self.gold_cards.items()]
        return "\n".join(["client_id,line_id,kind,amount", *lines])

    def write_behaviour(self, folder: Path) -> None:
        """order.asc and trans.csv as they are, the account's owner beside each row."""
        for name, rows in (("order.asc", self.orders), ("trans.csv", self.payments)):
            path = folder / name
            with path.open("w", newline="", encoding="ascii") as file:
                out = csv.DictWriter(file, ["owner", *rows[0]], delimiter=";")
                out.writeheader()
                for row in rows:
                    out.writerow({"owner": self.owners[row["account_id"]], **row})
            os.utime(path, (time.time() - 3600,) * 2)  # nobody is writing it any more

    # --- what must come of it -----------------------------------------------------

    @cached_property
    def groups(self) -> dict[str, set[str]]:
        """The clients of each of the three groups (B1, B3)."""
        light = self._owners_of_loans("CD")
        heavy, worse = set(self.gold_cards.values()), self._owners_of_loans("BD")
        found = {"heavy": heavy - light - worse, "overlay": heavy & light}
        return found | {"light": set(self.clients) - found["heavy"] - found["overlay"]}

    @cached_property
    def marked(self) -> set[str]:
        """Overlay customers under control may not apply (B5)."""
        return self.groups["overlay"] & self._owners_of_loans("D")

    def _owners_of_loans(self, statuses: str) -> set[str]:
        return {
            self.owners[loan["account_id"]]
            for loan in self.loans
            if loan["status"] in statuses
        }

    def user_groups(self, *, without: str = "") -> dict[str, tuple[int, int]]:
        """Business type -> its members and their records (C3)."""
        members: defaultdict[str, set[str]] = defaultdict(set)
        records: Counter[str] = Counter()
        for row in [*self.orders, *self.payments]:
            meaning = MEANING.get(row["k_symbol"], without)
            if meaning != without:
                members[meaning].add(self.owners[row["account_id"]])
                records[meaning] += 1
        return {one: (len(members[one]), records[one]) for one in members}

    @cached_property
    def household(self) -> set[str]:
        """The initial group: whoever pays for a household, by order or by hand (C5)."""
        return {
            self.owners[row["account_id"]]
            for row in [*self.orders, *self.payments]
            if row["k_symbol"] in ("SIPO", "household")
        }

    @cached_property
    def large_payments(self) -> Counter[str]:
        """Household payments over 1,000 in the 365 days that end with 1998-12-05 (C6).

        The first of those days is 1997-12-06. Orders have no date: they count as today's.
        """
        return Counter(
            self.owners[row["account_id"]]
            for row in self.payments
            if row["k_symbol"] == "household"
            and Decimal(row["amount"]) > 1000
            and "971206" <= row["date"] <= "981205"
        )

    @cached_property
    def payers(self) -> set[str]:
        """Who meets the standard."""
        return {who for who, count in self.large_payments.items() if count >= 2}

    @cached_property
    def target(self) -> set[str]:
        return {who for who in self.payers if not who.endswith("7")}

    @cached_property
    def outcomes(self) -> dict[str, tuple[str, str]]:
        """Status and reason of each SMS, by the last two digits of its number."""
        return {
            who: FATES.get(phone_of(who)[-2:], ("delivered", "")) for who in self.target
        }

    def rows_saying(self, rows: list[Row], *words: str) -> int:
        """How many rows say one of these words, spaces around them left out."""
        return sum(row["k_symbol"].strip() in words for row in rows)
