"""Path rules as administrators edit them. A change is applied to all files by a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

from django.db import transaction
from django.utils.translation import gettext

from catalog import text
from catalog.models import PathRule, Source
from catalog.rules import CATALOG_MAX, SERIES_MAX, compile_rule
from catalog.services.common import MANAGE_RULE, audit, change, check_access, clean_name, lock, name_is_free
from mam.jobs.services import enqueue

if TYPE_CHECKING:
    from mam.accounts.models import User
    from mam.jobs.models import Job

NAME_MAX = 120
PLACE_JOB = "catalog.place"


class RuleDetails(TypedDict, total=False):
    """What a rule may say beside name and pattern. `source` None: all sources."""

    position: int
    source: Source | None
    catalog_name: str
    series_name: str
    is_enabled: bool


class RuleChanges(RuleDetails, total=False):
    """What may be changed of a rule."""

    name: str
    pattern: str


@transaction.atomic
def create_rule(*, name: str, pattern: str, user: User | None, **details: Unpack[RuleDetails]) -> PathRule:
    """A new rule, applied to all files by a job. PathRuleError when the pattern is not valid, NameTakenError."""
    check_access(user, MANAGE_RULE)
    row = PathRule()
    _write(row, {"name": name, "pattern": pattern, **details}, "rule.create", user)
    return row


@transaction.atomic
def update_rule(*, rule: PathRule, user: User | None, **changes: Unpack[RuleChanges]) -> PathRule:
    """Change a rule and apply all rules again by a job. PathRuleError, NameTakenError."""
    check_access(user, MANAGE_RULE)
    row = lock(rule)
    _write(row, changes, "rule.update", user)
    return row


@transaction.atomic
def delete_rule(*, rule: PathRule, user: User | None) -> None:
    """Delete a rule and apply the others again by a job."""
    check_access(user, MANAGE_RULE)
    row = lock(rule)
    audit(user, "rule.delete", row, {"name": row.name, "pattern": row.pattern}, {})
    row.delete()
    request_placement(user=user)


def request_placement(*, user: User | None) -> Job:
    """Apply the rules to all files, as a job. Asked for twice while it waits, it runs once."""
    check_access(user, MANAGE_RULE)
    return enqueue(kind=PLACE_JOB, key=PLACE_JOB, subject=gettext("All files"), user=user)


def _write(row: PathRule, values: RuleChanges, action: str, user: User | None) -> None:
    cleaned = values.copy()
    if "name" in cleaned:
        cleaned["name"] = clean_name(cleaned["name"], NAME_MAX)
    if "catalog_name" in cleaned:
        cleaned["catalog_name"] = text.tidy(cleaned["catalog_name"])[:CATALOG_MAX]
    if "series_name" in cleaned:
        cleaned["series_name"] = text.tidy(cleaned["series_name"])[:SERIES_MAX]
    before, after = change(row, cleaned)
    compile_rule(name=row.name, pattern=row.pattern, source_id=row.source_id, catalog_name=row.catalog_name, series_name=row.series_name)
    if not after:
        return
    with name_is_free(row.name):
        row.save()
    audit(user, action, row, before, after)
    request_placement(user=user)
