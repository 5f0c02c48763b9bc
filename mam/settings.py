"""Composition of the product from the environment. Embedded by default: SQLite, local files, one machine.

Every variable read here is documented in docs/settings.md (a test compares).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONCE, NONE, SELF
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from mam.lib import secrets

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

DATA_DIR = Path(env.str("MAM_DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)
_made = secrets.load_or_create(DATA_DIR / "secrets.env", {"SECRET_KEY": "token", "MAM_CREDENTIALS_KEY": "fernet"})
SECRET_KEY = _made["SECRET_KEY"]
CREDENTIALS_KEYS = _made["MAM_CREDENTIALS_KEY"].split(",")  # the first encrypts, all decrypt

DEBUG = env.bool("MAM_DEBUG", default=False)
HTTPS = env.bool("MAM_HTTPS", default=False)
HOST = env.str("MAM_HOST", default="127.0.0.1")
PORT = env.int("MAM_PORT", default=8000)
ALLOWED_HOSTS = env.list("MAM_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("MAM_TRUSTED_ORIGINS", default=[])
SITE_NAME = env.str("MAM_SITE_NAME", default="MAM")
# Where people reach it, for links in what is sent to them; "" where nobody knows.
PUBLIC_URL = env.str("MAM_PUBLIC_URL", default=next((one for one in CSRF_TRUSTED_ORIGINS if "*" not in one), "")).rstrip("/")

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "mam.accounts.admin_config.AdminConfig",  # django.contrib.admin with the admin site of ours
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "django_q",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "mam",
    "mam.accounts",
    "mam.jobs",
    "catalog",
    "ingest",
    "streaming",
    "sync",
    "sync.ott",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "mam.accounts.middleware.RequestIdMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",  # deny by default; views opt out one by one
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "mam.accounts.middleware.ViewerPreferencesMiddleware",
    "mam.accounts.middleware.MamErrorMiddleware",
]

ROOT_URLCONF = "mam.urls"
ASGI_APPLICATION = "mam.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "mam.accounts.context_processors.frame",
            ],
        },
    },
]

# --- database -------------------------------------------------------------------------------------------------------
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'db.sqlite3'}"),
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["ENGINE"] = "mam.lib.sqlite"
    # FACTS, Database 7: WAL alone gives thousands of "database is locked"; with IMMEDIATE and 20 s there are none.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536; PRAGMA mmap_size=1073741824;",
    }
else:
    # Many small queries at once: what a compiled or parallel one saves is less than the tens of milliseconds that its start costs.
    _asked = DATABASES["default"].get("OPTIONS", {})  # ?sslmode=... in the address
    DATABASES["default"]["OPTIONS"] = {
        **_asked,
        "options": f"-c jit=off -c max_parallel_workers_per_gather=0 {_asked.get('options', '')}".strip(),
        "pool": {"min_size": 0, "max_size": env.int("MAM_DB_POOL", default=16), "timeout": 20},
    }
# The OTT platform's own database, used by `sync.targets` alone. Nothing else may notice when it is away, so nothing connects to it early.
# Another program's lock is waited for only a few seconds: what is waited for longer is a job's to try again.
DATABASES["ott"] = env.db_url("OTT_DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'pokervod.db'}")
if DATABASES["ott"]["ENGINE"] == "django.db.backends.sqlite3":
    # Its journal is the file's own affair: what another program made stays as it is (sync.targets.database).
    DATABASES["ott"]["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 5, "init_command": "PRAGMA cache_size=-65536;"}
else:
    _asked = DATABASES["ott"].get("OPTIONS", {})
    DATABASES["ott"]["OPTIONS"] = {
        # Without a pool: one job at a time uses it, and a pool hides why nobody gets in. A dead network is noticed in half a minute.
        **{"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000},
        **_asked,
        "options": f"-c jit=off -c max_parallel_workers_per_gather=0 -c lock_timeout=5s {_asked.get('options', '')}".strip(),
    }
DATABASE_ROUTERS = ["sync.ott.router.OttRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis: optional; wakes live clients on other machines, shares the cache and the limits -------------------------
REDIS_URL = env.str("REDIS_URL", default="")
if REDIS_URL:
    CHANNEL_LAYERS: dict[str, Any] = {
        "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
    }
    CACHES: dict[str, Any] = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    # A file cache is shared by the web process and the workers of one machine, so login limits hold across them.
    # Full, it drops entries at random, so it is made wide: nobody shall push out the counters with counters of their own.
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": DATA_DIR / "cache" / "django",
            "OPTIONS": {"MAX_ENTRIES": 10_000},
        }
    }

# Answers whose keys carry a version: nobody has to tell the other processes of a change, so each may keep its own. Apart from the counters.
CACHES["answers"] = (
    CACHES["default"] | {"KEY_PREFIX": "answers"}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "answers", "OPTIONS": {"MAX_ENTRIES": 2_000}}
)
# Whole pages, as the code of this process has made them: never shared, so that no other code's are given out.
CACHES["pages"] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "pages", "OPTIONS": {"MAX_ENTRIES": 100}}
CACHES["none"] = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}

# --- jobs -----------------------------------------------------------------------------------------------------------
MAM_QUEUES: dict[str, int] = {  # queue -> worker processes of `manage.py up`
    "fast": env.int("MAM_WORKERS_FAST", default=2),
    "media": env.int("MAM_WORKERS_MEDIA", default=1),
}
# What nobody waits for gives way: the programs of these queues run when a processor has nothing else to do.
MAM_IDLE_QUEUES = {"media"}
Q_CLUSTER: dict[str, Any] = {
    # The queue message is only a hint to look into a queue; the Job row is the truth (FACTS, Queue 1).
    "name": "fast",  # signs all messages; `manage.py worker --queue NAME` reads the queue NAME
    "orm": "default",
    "workers": 1,
    "poll": 0.1,
    "queue_limit": 1,
    "max_attempts": 1,
    "ack_failures": True,
    # Our messages say "no time-out" themselves: a worker goes on while there is work. A message that a killed worker held
    # is delivered again after `retry`, which does no harm; it has to be more than `timeout`.
    "timeout": 60,
    "retry": 90,
    "recycle": 500,
    "max_rss": 1_000_000,  # kB; a process that ever needed more starts afresh after its jobs
    "scheduler": False,
    "save_limit": -1,
    "cache": "none",  # where each cluster would write its status twice a second, for a monitor that we do not use
    "label": "Queue",
}
MAM_JOB_LEASE_S = env.int("MAM_JOB_LEASE_S", default=30)
MAM_JOB_KEEP_DAYS = env.int("MAM_JOB_KEEP_DAYS", default=30)  # ended jobs and their log, faults that players reported
# What plans of sync did and comparisons found, entry by entry; as long a plan can be undone. The history is kept for ever.
MAM_PLAN_KEEP_DAYS = env.int("MAM_PLAN_KEEP_DAYS", default=180)

# Dotted paths run by `ingest` after files were probed: f(file_ids) enqueues a job of a higher app. A test resolves each.
MAM_INGEST_STEPS = ["streaming.services.decisions.decide_files", "streaming.tasks.enqueue_posters"]
# URL names of htmx fragments that higher apps add to the file page: path takes the file's id.
MAM_FILE_PANELS = ["streaming:file_player", "streaming:file_renditions"]
# What /health says beside its status: name -> dotted path of a function without arguments, whose answer is quick and no secret.
MAM_HEALTH_FACTS = {"last_sync": "sync.selectors.dashboard.last_sync"}
# What `manage.py up` calls after each start; each function decides by itself whether there is anything to do.
MAM_FIRST_START = ["ingest.demo.make_demo_source"]
# What `manage.py clock` calls: dotted path of a function without arguments -> seconds between calls.
MAM_CLOCK: dict[str, float] = {
    "mam.jobs.tasks.reap": 2,
    "mam.jobs.tasks.purge_old": 3600,
    "mam.accounts.tasks.purge_expired": 3600,
    "catalog.tasks.enqueue_index_search": 1,
    "catalog.tasks.enqueue_check_search": 300,
    "catalog.tasks.tend_cubes": 2,
    "catalog.tasks.enqueue_check_counts": 300,
    "ingest.tasks.enqueue_due": 1,
    "ingest.tasks.keep_watching": 3,  # a copy in progress reports every write; one look in so long is enough
    "ingest.tasks.purge_scans": 3600,
    "streaming.tasks.enqueue_due_posters": 600,
    "streaming.tasks.enqueue_due_renditions": 600,
    "streaming.tasks.sweep_workshops": 3600,
    "streaming.tasks.enqueue_tidy": 300,
    "sync.tasks.enqueue_due": 5,
    "sync.tasks.enqueue_match": 1,
    "sync.tasks.enqueue_check": 300,
}

# --- renditions: how they are encoded (streaming.encoding) ----------------------------------------------------------
MAM_PRESETS: dict[str, dict[str, Any]] = {
    "hls": {
        "speed": "superfast",  # of x264
        # Largest first. `max_bps` is for up to 30 frames a second; half as much again above.
        "rungs": [
            {"short_px": 1080, "crf": 22, "max_bps": 6_000_000},
            {"short_px": 720, "crf": 23, "max_bps": 3_500_000},
            {"short_px": 480, "crf": 23, "max_bps": 1_600_000},
            {"short_px": 360, "crf": 24, "max_bps": 900_000},
        ],
    },
    "proxy": {"short_px": 720, "speed": "veryfast", "crf": 23, "max_bps": 3_500_000, "has_timecode": False},  # timecode burnt in
    "storyboard": {"pictures": 100, "columns": 10, "rows": 10, "width_px": 160},
    "waveform": {"rate_hz": 8_000, "peaks_per_s": 10, "max_peaks": 36_000},
}

# --- scanning -------------------------------------------------------------------------------------------------------
MAM_SETTLE_S = env.int("MAM_SETTLE_S", default=15)  # a file whose size and time stood still for so long is complete
MAM_FULL_SCAN_HOUR = env.int("MAM_FULL_SCAN_HOUR", default=2)  # local hour of the nightly full scan
MAM_WEBHOOK_SECRET = env.str("MAM_WEBHOOK_SECRET", default="")  # signs file events; empty: API keys only

# --- accounts -------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["mam.accounts.backends.RoleBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
# Role (a group) -> permissions. Each role has those of the roles before it. Written into groups after every migrate.
MAM_ROLES: dict[str, list[str]] = {
    "viewer": ["catalog.view_library", "streaming.play_file", "sync.view_match"],
    "operator": [
        "catalog.curate",
        "ingest.scan_source",
        "ingest.probe_file",
        "jobs.view_job",
        "jobs.control_job",
        "accounts.own_api_key",
        "streaming.make_rendition",
        "sync.run_sync",
    ],
    "administrator": [
        "catalog.manage_source",
        "catalog.manage_rule",
        "ingest.decide_hold",
        "accounts.manage_user",
        "accounts.view_audit",
        "sync.manage_target",
    ],
}
# Roles that may enter the admin; what they find there is what their permissions name.
MAM_STAFF_ROLES = {"operator", "administrator"}
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_ADAPTER = "mam.accounts.adapter.AccountAdapter"  # no self-service sign-up
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/5m/key"}
ACCOUNT_SESSION_REMEMBER = None  # asked for; without it the session ends with the browser
ACCOUNT_FORMS = {"login": "mam.accounts.forms.LoginForm"}
ACCOUNT_PREVENT_ENUMERATION = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_ADAPTER = "mam.accounts.adapter.MfaAdapter"  # second-factor secrets are encrypted at rest
MFA_TOTP_ISSUER = SITE_NAME
SESSION_ENGINE = "mam.accounts.sessions"
SESSION_COOKIE_AGE = 14 * 24 * 3600

# The left rail: address, label, icon, permission ("staff": whoever may enter the admin), keys, and the paths that belong to it.
MAM_NAV: list[dict[str, Any]] = [
    {
        "url_name": "catalog:home",
        "label": _("Library"),
        "icon": "library",
        "permission": "catalog.view_library",
        "keys": "g l",
        "paths": ["/library/", "/files/", "/watch/", "/tags/", "/curation/rules/"],
    },
    {"url_name": "catalog:search", "label": _("Search"), "icon": "search", "permission": "catalog.view_library", "keys": "/"},
    {
        "url_name": "catalog:collection_list",
        "label": _("Collections"),
        "icon": "collection",
        "permission": "catalog.view_library",
        "keys": "g c",
    },
    {"url_name": "catalog:source_list", "label": _("Folders"), "icon": "folder", "permission": "catalog.view_library", "keys": "g f"},
    {"url_name": "sync:dashboard", "label": _("Sync"), "icon": "sync", "permission": "sync.view_match", "keys": "g s"},
    {"url_name": "jobs:job_list", "label": _("Jobs"), "icon": "jobs", "permission": "jobs.view_job", "keys": "g j"},
    {"url_name": "ingest:source_manage", "label": _("Sources"), "icon": "source", "permission": "catalog.manage_source", "keys": "g o"},
    {"url_name": "admin:index", "label": _("Admin"), "icon": "admin", "permission": "staff", "keys": "g a"},
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": SITE_NAME,
    "SITE_HEADER": SITE_NAME,
    "SITE_URL": "/",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("favicon.svg")}],
    "STYLES": [lambda request: static("css/admin.css")],
    "SCRIPTS": [lambda request: static("js/admin.js")],
    "COLORS": {  # the accent of the pages, as a scale
        "primary": {
            "50": "#f0f2fe",
            "100": "#e7eafc",
            "200": "#cdd3f9",
            "300": "#aab3f0",
            "400": "#93a4ff",
            "500": "#7384f8",
            "600": "#4f63ea",
            "700": "#4453d6",
            "800": "#3846bd",
            "900": "#3d4a92",
            "950": "#1c2340",
        }
    },
}

# --- mail -----------------------------------------------------------------------------------------------------------
_mail = env.email_url("EMAIL_URL", default="dummymail://")  # nobody gets any mail, and who asks for some is told so
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
EMAIL_HOST = _mail["EMAIL_HOST"] or "localhost"
EMAIL_PORT = _mail["EMAIL_PORT"] or (587 if EMAIL_USE_TLS else 465 if EMAIL_USE_SSL else 25)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"] or "", _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_FILE_PATH = _mail["EMAIL_FILE_PATH"]
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("MAM_EMAIL_FROM", default=f"{SITE_NAME} <mam@localhost>")

# --- API ------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "mam.accounts.authentication.ApiKeyAuthentication",
        "rest_framework_simplejwt.authentication.JWTAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["mam.accounts.permissions.HasNamedPermission"],
    "DEFAULT_PAGINATION_CLASS": "mam.lib.api.KeysetPagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_THROTTLE_RATES": {"login": "10/min", "webhook": "600/min"},
    "EXCEPTION_HANDLER": "mam.lib.api.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "CHECK_REVOKE_TOKEN": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "MAM API",
    "VERSION": "1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "EditKindEnum": "catalog.choices.EditKind",
        "FileKindEnum": "catalog.choices.FileKind",
        "StreamKindEnum": "catalog.choices.StreamKind",
        "RenditionKindEnum": "streaming.choices.RenditionKind",
        "MatchStatusEnum": "sync.choices.MatchStatus",
        "MatchReasonEnum": "sync.serializers.matching.REASONS",
        "MatchActionEnum": "sync.serializers.matching.ACTIONS",
        "TargetRowStateEnum": "sync.serializers.matching.ROW_STATES",
        "SyncStateEnum": "sync.serializers.dashboard.SYNC_STATES",
        "PlanStateEnum": "sync.choices.PlanState",
        "PlanPartStateEnum": "sync.choices.PartState",
    },
}

# --- language, time -------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "ko"
LANGUAGES = [("ko", _("Korean")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("MAM_TIME_ZONE", default="Asia/Seoul")

# --- files ----------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "mam.lib.browser_libraries.BrowserLibraryFinder",
]
# Browser libraries by lock file (package.json): name under /static/vendor/ -> folder, and the files in it that pages load.
_packages = BASE_DIR / "node_modules"
MAM_BROWSER_LIBRARIES: dict[str, tuple[Path, list[str]]] = {
    "htmx": (_packages / "htmx.org" / "dist", ["htmx.min.js"]),
    "hls": (_packages / "hls.js" / "dist", ["hls.min.mjs"]),
    "media-chrome": (
        _packages / "media-chrome" / "dist",
        ["constants.js", "media-*.js", "media-store/*.js", "utils/*.js", "labels/*.js", "lang/en.js"],
    ),
}
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": DATA_DIR / "files"}},
    "renditions": {"BACKEND": "mam.lib.storages.local.LocalStorage", "OPTIONS": {"location": DATA_DIR / "renditions"}},
    "uploads": {"BACKEND": "mam.lib.storages.local.LocalStorage", "OPTIONS": {"location": DATA_DIR / "uploads"}},
    "cache": {"BACKEND": "mam.lib.storages.local.LocalStorage", "OPTIONS": {"location": DATA_DIR / "cache" / "media"}},  # always local
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage" if DEBUG else "mam.lib.static_modules.ModuleStaticFilesStorage"
    },
}
S3_ENDPOINT_URL = env.str("S3_ENDPOINT_URL", default="")
S3_BUCKET = env.str("S3_BUCKET", default="")
if S3_BUCKET:
    _s3 = {
        "bucket_name": S3_BUCKET,
        "endpoint_url": S3_ENDPOINT_URL or None,  # none: Amazon's
        "access_key": env.str("S3_ACCESS_KEY"),
        "secret_key": env.str("S3_SECRET_KEY"),
        "region_name": env.str("S3_REGION", default="us-east-1"),
    }
    _s3_prefix = env.str("S3_PREFIX", default="").strip("/")
    STORAGES["renditions"] = {"BACKEND": "mam.lib.storages.s3.S3Storage", "OPTIONS": _s3 | {"location": _s3_prefix}}
    STORAGES["uploads"] = {"BACKEND": "mam.lib.storages.s3.S3Storage", "OPTIONS": _s3 | {"location": f"{_s3_prefix}/uploads".strip("/")}}
# Playlists then name objects at the store, by addresses that expire, instead of our own: for stores that browsers can reach.
S3_PRESIGNED = env.bool("S3_PRESIGNED", default=False)

# The tiers: hot = a local cache, warm = the store of renditions, cold = the source. Kind -> folder in the store, and days without
# use after which its objects are deleted (0: never); they are made again when asked for.
_ttl_days = env.dict("MAM_TTL_DAYS", default={}, cast={"value": int})
MAM_RENDITIONS: dict[str, dict[str, Any]] = {
    "poster": {"folder": "thumbnails", "ttl_days": _ttl_days.get("poster", 0)},
    "storyboard": {"folder": "thumbnails", "ttl_days": _ttl_days.get("storyboard", 365)},
    "waveform": {"folder": "thumbnails", "ttl_days": _ttl_days.get("waveform", 365)},
    "proxy": {"folder": "proxies", "ttl_days": _ttl_days.get("proxy", 60)},
    "hls": {"folder": "streams", "ttl_days": _ttl_days.get("hls", 180)},
}
MAM_CACHE_BYTES = env.int("MAM_CACHE_BYTES", default=20_000_000_000)  # of the hot tier, on each machine
MAM_ENCODERS = env.int("MAM_ENCODERS", default=0)  # pictures encoded on demand at once, on each machine; 0: as many as processors
MAM_VERIFY_BYTES = env.int("MAM_VERIFY_BYTES", default=50_000_000_000)  # read back and compared each night
MAM_UPKEEP_HOUR = env.int("MAM_UPKEEP_HOUR", default=4)  # local hour of the nightly look at renditions, search and counts
# Addresses of playlists and segments expire after this at the latest, and after half of it at the earliest (streaming.tokens).
MAM_STREAM_TOKEN_S = env.int("MAM_STREAM_TOKEN_S", default=3600)  # bound to a browser session
MAM_STREAM_SHARE_S = env.int("MAM_STREAM_SHARE_S", default=1800)  # given to programs: whoever holds one may play
# When a stream is prepared of files that browsers do not play as they lie: "viewed" (somebody plays it), "all" (once found), "never".
# Unless it is "never", what somebody plays gets a storyboard and a waveform.
MAM_PREPARE = env.str("MAM_PREPARE", default="viewed")
# Set to a URL prefix that nginx maps (deploy/nginx.conf) to hand byte serving of local files to it.
X_ACCEL_PREFIX = env.str("MAM_X_ACCEL_PREFIX", default="")

# --- security -------------------------------------------------------------------------------------------------------
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
CSRF_FAILURE_VIEW = "mam.accounts.error_pages.csrf_failure"
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health$"]  # asked by a monitor on the machine itself, past the proxy
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    # The admin theme needs inline styles and evaluated expressions: `mam.accounts.admin_site` loosens it for its own pages.
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],  # media-chrome's elements bring <style> in their shadow trees; static/js/player/chrome_styles.js
        "img-src": [SELF, "data:", "blob:"],
        "media-src": [SELF, "blob:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}

# --- log ------------------------------------------------------------------------------------------------------------
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request_id": {"()": "mam.accounts.context.RequestIdFilter"},
        "refusal": {"()": "mam.accounts.context.RefusalFilter"},
    },
    "formatters": {
        "line": {
            "()": "mam.accounts.context.MaskingFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s",
            "secret": r"(?P<before>/(?:hls|stream)/)[\w-]{16,}",  # tokens in addresses of streams
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["request_id", "refusal"]}},
    "root": {"handlers": ["stderr"], "level": env.str("MAM_LOG_LEVEL", default="INFO")},
    "loggers": {
        "SMB": {"level": "ERROR"},
        "smbprotocol": {"level": "ERROR"},
        "django-q": {"level": "WARNING"},
        "django.channels.server": {"level": "WARNING"},
    },
}
