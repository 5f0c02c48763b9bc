"""The product's settings for processes that tests start: with the kinds of `tests.jobs.work`, and a clock that only reaps."""

from mam.settings import *  # noqa: F403
from mam.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.jobs.work"]
MAM_CLOCK = {"mam.jobs.tasks.reap": 0.3}
MAM_FIRST_START = []
