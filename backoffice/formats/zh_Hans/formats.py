"""How Chinese pages write times: as short as lists need them; days stay as Django has them."""

from __future__ import annotations

SHORT_DATE_FORMAT = "Y-m-d"
DATETIME_FORMAT = "Y-m-d H:i"
SHORT_DATETIME_FORMAT = "Y-m-d H:i"
