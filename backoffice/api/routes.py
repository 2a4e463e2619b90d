"""Where everything of `/api/v1/` is."""

from __future__ import annotations

from django.urls import path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import SimpleRouter

from campaigns import api as campaigns
from customers import api as customers
from messaging import api as messaging
from tracking import api as tracking

from .access import AnyKey


class SchemaView(SpectacularAPIView):
    permission_classes = (AnyKey,)


router = SimpleRouter()
router.register("customers", customers.CustomerViews, "customer")
router.register("credit-facts", customers.CreditViews, "credit-facts")
router.register("messages", messaging.MessageViews, "message")
router.register("behaviour", tracking.BehaviourViews, "behaviour")
router.register("notices", campaigns.NoticeViews, "notice")
router.register("events", campaigns.EventViews, "event")
router.register("sign-ups", campaigns.SignUpViews, "sign-up")

app_name = "api"
urlpatterns = [*router.urls, path("schema/", SchemaView.as_view(), name="schema")]
