"""Customers, credit facts and credit lines from a file (`settings.IMPORT_TARGETS`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from backoffice.kit.phones import BadPhone, to_e164
from backoffice.platform.imports import Field, Option, Review, RowError, Target
from backoffice.platform.models import Import

from .cells import DATE_FORMATS, amount, language, length, moment, yes_no
from .conditions import CREDIT_FACTS, FACTS
from .consents import Answer, store_answers
from .credit import LINE_FIELDS, KnownFacts, KnownLine, store_facts, store_lines
from .models import CreditLine, Customer
from .storing import KnownCustomer, store_customers

EXTERNAL_ID = Field(
    "external_id",
    gettext_lazy("customer number"),
    required=True,
    also=("customer_id", "client_id", "id", "客户号", "客户编号"),
)
SOURCE = Option(
    "source",
    gettext_lazy("Source of the customer numbers"),
    default="bank",
    help_text=gettext_lazy("A customer is known by its source and number together."),
)
DATE_FORMAT = Option(
    "date_format",
    gettext_lazy("Dates are written as"),
    default="%Y-%m-%d",
    choices=DATE_FORMATS,
)


class _OfCustomers(Target):
    """What files whose rows name a customer by its number have in common."""

    asks: ClassVar[tuple[Option, ...]] = (SOURCE, DATE_FORMAT)

    @property
    def source(self) -> str:
        return str(self.options.get("source") or SOURCE.default)

    @property
    def date_format(self) -> str:
        return str(self.options.get("date_format") or DATE_FORMAT.default)

    def ids(self, numbers: Iterable[str]) -> dict[str, int]:
        """Customer number -> id, of those known."""
        return Customer.objects.ids_by_number(self.source, numbers)

    def strangers(self, numbers: Sequence[str], known: dict[str, int]) -> Review:
        """Rows about customers that nobody has told us of."""
        error = RowError(
            "external_id",
            _("No customer of this source has this number: import customers first."),
        )
        missing = [n for n, number in enumerate(numbers) if number not in known]
        return Review(problems=dict.fromkeys(missing, error))


@dataclass(frozen=True, slots=True)
class CustomerRow:
    customer: KnownCustomer
    consent: bool | None
    consent_source: str
    consent_at: datetime | None


class CustomerTarget(_OfCustomers):
    """Customers with their consent to marketing; other columns may be kept as attributes."""

    label = gettext_lazy("Customers")
    fields = (
        EXTERNAL_ID,
        Field(
            "phone",
            gettext_lazy("mobile number"),
            required=True,
            also=("mobile", "msisdn", "手机号", "手机号码"),
        ),
        Field("name", pgettext_lazy("of a person", "name"), also=("姓名", "客户姓名")),
        Field("language", gettext_lazy("language"), also=("语言",)),
        Field(
            "consent",
            gettext_lazy("consent to marketing (yes or no)"),
            also=("marketing_consent", "营销授权", "同意营销"),
        ),
        Field(
            "consent_source",
            gettext_lazy("where the consent was given"),
            also=("授权来源",),
        ),
        Field("consent_at", gettext_lazy("when it was given"), also=("授权时间",)),
    )
    extra_prefix = "attribute_"

    def check(self, row: dict[str, str], line: int) -> CustomerRow:
        prefix = self.extra_prefix
        customer = KnownCustomer(
            external_id=length(row, "external_id", 64),
            phone=_phone(row),
            name=length(row, "name", 100),
            language=language(row, "language"),
            attributes={
                name.removeprefix(prefix): value
                for name, value in row.items()
                if value and name.startswith(prefix)
            },
        )
        return CustomerRow(
            customer,
            yes_no(row, "consent"),
            length(row, "consent_source", 60),
            moment(row, "consent_at", self.date_format),
        )

    def key(self, cleaned: CustomerRow) -> str:
        return cleaned.customer.external_id

    def review(self, rows: Sequence[CustomerRow]) -> Review:
        return Review(known=len(self.ids(map(self.key, rows))))

    def commit(
        self, rows: list[CustomerRow], import_: Import, now: datetime
    ) -> dict[str, int]:
        people = [row.customer for row in rows]
        stored = store_customers(people, source=self.source, now=now)
        answers = [
            Answer(
                stored.ids[row.customer.external_id],
                row.consent,
                row.consent_source or import_.file.name[:60],
                row.consent_at,
            )
            for row in rows
            if row.consent is not None
        ]
        store_answers(answers, now=import_.created_at)
        return {"added": stored.added, "updated": len(rows) - stored.added}


def _phone(row: dict[str, str]) -> str:
    try:
        return to_e164(row["phone"], region=settings.DEFAULT_PHONE_REGION)
    except BadPhone as error:
        raise RowError("phone", str(error)) from None


@dataclass(frozen=True, slots=True)
class FactsRow:
    external_id: str
    facts: dict[str, bool]
    as_of: datetime | None


class CreditTarget(_OfCustomers):
    """Credit facts, yes or no each; an empty cell or a missing column changes nothing."""

    label = gettext_lazy("Credit facts")
    fields = (
        EXTERNAL_ID,
        *(Field(name, FACTS[name].label) for name in CREDIT_FACTS),
        Field("as_of", gettext_lazy("as of (empty: when uploaded)"), also=("日期",)),
    )

    def check(self, row: dict[str, str], line: int) -> FactsRow:
        said = {name: yes_no(row, name) for name in CREDIT_FACTS}
        facts = {name: value for name, value in said.items() if value is not None}
        if not facts:
            raise RowError("", _("It says nothing: fill in at least one fact."))
        as_of = moment(row, "as_of", self.date_format)
        return FactsRow(length(row, "external_id", 64), facts, as_of)

    def key(self, cleaned: FactsRow) -> str:
        return cleaned.external_id

    def review(self, rows: Sequence[FactsRow]) -> Review:
        numbers = [row.external_id for row in rows]
        known = self.ids(numbers)
        review = self.strangers(numbers, known)
        review.known = len(known)
        return review

    def commit(
        self, rows: list[FactsRow], import_: Import, now: datetime
    ) -> dict[str, int]:
        ids = self.ids(row.external_id for row in rows)
        known = [
            KnownFacts(ids[r.external_id], r.facts, r.as_of or import_.created_at)
            for r in rows
        ]
        stored = store_facts(known, source=self.source)
        return {"stored": stored, "older than what is known": len(known) - stored}


@dataclass(frozen=True, slots=True)
class LineRow:
    external_id: str
    reference: str
    kind: str
    product: str
    amount: Decimal | None
    is_open: bool


_KINDS = {
    "light": CreditLine.Kind.LIGHT,
    "轻资产": CreditLine.Kind.LIGHT,
    "heavy": CreditLine.Kind.HEAVY,
    "重资产": CreditLine.Kind.HEAVY,
}


class CreditLineTarget(_OfCustomers):
    """Lines of credit, known by their customer and reference."""

    label = gettext_lazy("Credit lines")
    asks = (SOURCE,)
    fields = (
        EXTERNAL_ID,
        Field(
            "reference",
            gettext_lazy("reference of the line"),
            required=True,
            also=("line_id", "授信编号"),
        ),
        Field(
            "kind",
            gettext_lazy("kind (light or heavy)"),
            required=True,
            also=("授信类型",),
        ),
        Field("product", gettext_lazy("product"), also=("产品",)),
        Field("amount", gettext_lazy("amount"), also=("额度", "金额")),
        Field("is_open", gettext_lazy("open (yes or no)"), also=("是否有效",)),
    )

    def check(self, row: dict[str, str], line: int) -> LineRow:
        kind = _KINDS.get(row["kind"].lower())
        if kind is None:
            raise RowError("kind", _("Write light or heavy (轻资产, 重资产)."))
        return LineRow(
            length(row, "external_id", 64),
            length(row, "reference", 64),
            kind,
            length(row, "product", 60),
            amount(row, "amount"),
            yes_no(row, "is_open") is not False,
        )

    def key(self, cleaned: LineRow) -> str:
        return f"{cleaned.external_id}\n{cleaned.reference}"

    def review(self, rows: Sequence[LineRow]) -> Review:
        numbers = [row.external_id for row in rows]
        ids = self.ids(set(numbers))
        review = self.strangers(numbers, ids)
        lines = CreditLine.objects.filter(customer__in=ids.values())
        known = set(lines.values_list("customer", "reference"))
        review.known = sum(
            (ids.get(row.external_id), row.reference) in known for row in rows
        )
        return review

    def commit(
        self, rows: list[LineRow], import_: Import, now: datetime
    ) -> dict[str, int]:
        ids = self.ids({row.external_id for row in rows})
        lines = [
            KnownLine(
                ids[row.external_id],
                row.reference,
                row.kind,
                row.product,
                row.amount,
                row.is_open,
            )
            for row in rows
        ]
        given = [name for name in LINE_FIELDS if import_.columns.get(name)]
        return {"stored": store_lines(lines, only=given)}
