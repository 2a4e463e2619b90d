from __future__ import annotations

from django.urls import path

from .views import activity_page

app_name = "campaigns"
urlpatterns = [path("<slug:slug>/", activity_page, name="activity")]
