from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as StockAdminConfig


class AdminConfig(StockAdminConfig):
    default_site = "backoffice.site.BackofficeSite"


class BackofficeConfig(AppConfig):
    name = "backoffice"
    label = "backoffice"

    def ready(self) -> None:
        from backoffice import checks  # noqa: F401  registers the system checks
