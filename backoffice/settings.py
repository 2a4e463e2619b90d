"""One settings file. Nothing set: SQLite and an embedded Valkey under `var/`.

`DATABASE_URL` and `REDIS_URL` set: PostgreSQL and Redis or Valkey on any number of
hosts. A secret may be given as `NAME` or as the path of a file in `NAME_FILE`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from backoffice.kit import localkeys

BASE_DIR = Path(__file__).resolve().parent.parent
TESTING = "pytest" in sys.modules
# Tests keep away from what `make run` keeps in var/.
_var_dir = BASE_DIR / "var" / "test" if TESTING else BASE_DIR / "var"
VAR_DIR = Path(os.environ.get("VAR_DIR", _var_dir))

env = environ.FileAwareEnv()

DEBUG = env.bool("DEBUG", default=False)

DATABASE_URL = env.str("DATABASE_URL", default="")
REDIS_URL = env.str("REDIS_URL", default="")
# The zero-set-up world: one machine, everything under var/, a demo login.
EMBEDDED = not DATABASE_URL and not REDIS_URL

# --- keys -------------------------------------------------------------------
# The key ring lives outside the database. Zero set-up generates one into var/;
# beside a real database a missing ring refuses the start (design.md, Personal data).
_keys = localkeys.load(
    VAR_DIR / "keys.json",
    given={
        "SECRET_KEY": env.str("SECRET_KEY", default=""),
        "KEY_RING": env.str("KEY_RING", default=""),
        "INDEX_KEY": env.str("INDEX_KEY", default=""),
    },
    may_generate=not DATABASE_URL or TESTING,
)
if _keys is None:
    raise ImproperlyConfigured(
        "DATABASE_URL is set but the keys are not. Set SECRET_KEY, KEY_RING "
        "(id:base64 of 32 bytes, newest first, comma-separated) and INDEX_KEY "
        "(base64 of 32 bytes), or their *_FILE forms. "
        "`python -m backoffice.kit.localkeys` prints a fresh set."
    )
SECRET_KEY = _keys["SECRET_KEY"]
KEY_RING = _keys["KEY_RING"]
INDEX_KEY = _keys["INDEX_KEY"]

# --- where we are -------------------------------------------------------------
try:
    PORT = env.int("PORT", default=8000)
except ValueError:
    raise ImproperlyConfigured("PORT is to be a number, for example 8001.") from None
PUBLIC_BASE_URL = env.str("PUBLIC_BASE_URL", default=f"http://127.0.0.1:{PORT}")
# A short host of your own saves characters in every SMS.
SHORT_LINK_BASE = env.str("SHORT_LINK_BASE", default=f"{PUBLIC_BASE_URL}/l")
_hosts = ["127.0.0.1", "localhost", "[::1]", urlsplit(PUBLIC_BASE_URL).hostname or ""]
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=_hosts)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# How many proxies in front of us set X-Forwarded-For; 0: the peer is the client.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)

INSTALLED_APPS = [
    "backoffice.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "django_rq",
    "backoffice.apps.BackofficeConfig",
    "backoffice.platform",
    "customers",
    "messaging",
    "tracking",
    "campaigns",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "backoffice.urls"
WSGI_APPLICATION = "backoffice.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "backoffice" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- data -----------------------------------------------------------------------
if DATABASE_URL:
    DATABASES: dict[str, Any] = {"default": env.db_url_config(DATABASE_URL)}
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # Our statements are short: compiling one took longer than running it.
    DATABASES["default"].setdefault("OPTIONS", {})["options"] = "-c jit=off"
    # One for each checkout, so that two test runs on one server do not meet.
    DATABASES["default"]["TEST"] = {
        "NAME": f"test_backoffice_{localkeys.digest(VAR_DIR)}"
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": Path(
                env.str("SQLITE_FILE", default=str(VAR_DIR / "backoffice.sqlite3"))
            ),
            "CONN_MAX_AGE": 60,
            "OPTIONS": {
                # Deferred transactions give "database is locked" under two writers;
                # IMMEDIATE with WAL gave none (reliability.md, 6).
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
            # A file, so that worker processes of a test see the same rows.
            "TEST": {"NAME": VAR_DIR / "test.sqlite3"},
        }
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- queue ----------------------------------------------------------------------
# A unix socket path may be at most about 100 characters: hence the short directory.
_socket = "test.sock" if TESTING else "valkey.sock"
QUEUE_URL = REDIS_URL or f"unix://{localkeys.socket_dir(VAR_DIR)}/{_socket}"
LANES = ("service", "receipts", "marketing", "voice", "default")
RQ_QUEUES = {
    lane: {"URL": QUEUE_URL, "SERIALIZER": "rq.serializers.JSONSerializer"}
    for lane in LANES
}
RQ_SHOW_ADMIN_LINK = False
# Where workers reach `manage.py runsmpp`. The answer to a request is for our own
# processes, but texts and numbers are in it: another host only over a private network.
SMPP_GATEWAY = env.str("SMPP_GATEWAY", default="http://127.0.0.1:2780")

# --- assembly: what the lower floors call by name ------------------------------------
# Import targets (an upload in the admin), by slug. See backoffice/platform/imports.py.
IMPORT_TARGETS = {
    "customers": "customers.imports.CustomerTarget",
    "credit": "customers.imports.CreditTarget",
    "credit-lines": "customers.imports.CreditLineTarget",
    "notices": "campaigns.imports.NoticeTarget",
}
# Fields that a template of a message type may name beside the declared ones.
TEMPLATE_FIELDS = ["campaigns.placeholders.declared_fields"]
# What each kind of periodic work does, in words for its schedule's page.
PERIODIC_WORK = "backoffice.cron.WORDS"

# --- staff ------------------------------------------------------------------------
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_HTTPONLY = True

# --- the wire -----------------------------------------------------------------------
# `make run` serves plain HTTP on the loopback; anything public sits behind TLS.
HTTPS = PUBLIC_BASE_URL.startswith("https://")
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
)
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# --- language, time, files --------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
# Dates as our staff write them; each page says in which zone.
FORMAT_MODULE_PATH = ["backoffice.formats"]
TIME_ZONE = env.str("TIME_ZONE", default="Asia/Shanghai")
DEFAULT_PHONE_REGION = env.str("DEFAULT_PHONE_REGION", default="CN")

STATIC_URL = "/static/"
STATIC_ROOT = env.str("STATIC_ROOT", default=None)
STATICFILES_DIRS = [BASE_DIR / "backoffice" / "static"]
# Served straight from the apps: `make run` needs no collectstatic.
WHITENOISE_USE_FINDERS = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["backoffice.api.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["backoffice.api.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "backoffice.api.CursorPages",
    "DEFAULT_FILTER_BACKENDS": ["backoffice.api.StrictFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "backoffice.api.problem",
    "PAGE_SIZE": 100,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Messaging and campaign back office",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    # Several things have a `status`: each gets a name of its own in the document.
    "ENUM_NAME_OVERRIDES": {
        "MessageStatus": "messaging.filters.STATUS_CHOICES",
        "NoticeStatus": "campaigns.models.Notice.Status",
        "PushStatus": "campaigns.models.Push.Status",
        "SignUpStatus": "campaigns.models.SignUp.Status",
    },
}

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    # RQ logs a job's arguments and result: ours are ids and counts, and still noise.
    "loggers": {"rq.worker": {"level": "WARNING"}},
}
