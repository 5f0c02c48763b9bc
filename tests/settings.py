"""The product's own settings on a private data directory that goes away with the test process."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_directory = tempfile.mkdtemp(prefix="mam-test-")
atexit.register(shutil.rmtree, _directory, ignore_errors=True)
os.environ["MAM_DATA_DIR"] = _directory
os.environ.pop("OTT_DATABASE_URL", None)  # no test ever gets near a platform's own database

from mam.settings import *  # noqa: E402, F403  (reads the directory made above)
from mam.settings import DATABASES, STORAGES  # noqa: E402

if DATABASES["default"]["ENGINE"] == "mam.lib.sqlite":
    # In memory, threads would share one connection's locks ("table is locked"), which no real database of ours does.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(_directory) / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"

DATABASES["ott"]["TEST"] = {"NAME": str(Path(_directory) / "test_pokervod.db")}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
