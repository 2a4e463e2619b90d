from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("a/", include("campaigns.urls")),
    path("api/v1/", include("backoffice.api.routes")),
    path("i18n/", include("django.conf.urls.i18n")),
]

handler400 = "backoffice.api.errors.bad_request"
handler404 = "backoffice.api.errors.not_found"
handler500 = "backoffice.api.errors.broken"
