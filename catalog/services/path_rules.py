"""Path rules as administrators edit them. A change is applied to all files by a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

from django.db import transaction
from django.utils.translation import gettext

from catalog import text
from catalog.errors import OrderMismatchError
from catalog.models import PathRule, Source
from catalog.rules import CATALOG_MAX, SERIES_MAX, compile_stored
from catalog.selectors.rules import PLACE_JOB, put
from catalog.services.common import MANAGE_RULE, audit, change, check_access, clean_name, lock, name_is_free
from mam.jobs.services import enqueue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mam.accounts.models import User
    from mam.jobs.models import Job

NAME_MAX = 120


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
    row = _locked(rule)
    _write(row, changes, "rule.update", user)
    return row


@transaction.atomic
def save_rule(*, rule: PathRule | None, after: int | None, user: User | None, **values: Unpack[RuleChanges]) -> PathRule:
    """Make a rule, or change `rule`, and have it tried after the rule with the id `after` (None: before all others).

    PathRuleError, NameTakenError.
    """
    check_access(user, MANAGE_RULE)
    row = _locked(rule)
    _write(row, values, "rule.create" if rule is None else "rule.update", user)
    rows = list(PathRule.objects.order_by("position", "id"))
    wanted = [one.pk for one in put(rows, row, after)]
    if wanted != [one.pk for one in rows]:
        order_rules(rule_ids=wanted, user=user)
    return row


@transaction.atomic
def order_rules(*, rule_ids: Sequence[int], user: User | None) -> None:
    """Set the order in which rules are tried, and apply them by a job; all of them are named, else OrderMismatchError."""
    check_access(user, MANAGE_RULE)
    rows = {row.pk: row for row in PathRule.objects.select_for_update().order_by("pk")}
    if sorted(rows) != sorted(rule_ids):
        raise OrderMismatchError
    enabled = [row.pk for row in sorted(rows.values(), key=lambda row: (row.position, row.pk)) if row.is_enabled]
    for position, pk in enumerate(rule_ids, 1):
        before, after = change(rows[pk], {"position": position})
        if after:
            rows[pk].save(update_fields=["position"])
            audit(user, "rule.order", rows[pk], before, after)
    if enabled != [pk for pk in rule_ids if rows[pk].is_enabled]:
        request_placement(user=user)


@transaction.atomic
def delete_rule(*, rule: PathRule, user: User | None) -> None:
    """Delete a rule and apply the others again by a job, if it was in use."""
    check_access(user, MANAGE_RULE)
    row = _locked(rule)
    audit(user, "rule.delete", row, {"name": row.name, "pattern": row.pattern}, {})
    row.delete()
    if row.is_enabled:
        request_placement(user=user)


def request_placement(*, user: User | None) -> Job:
    """Apply the rules to all files, as a job. Asked for twice while it waits, it runs once."""
    check_access(user, MANAGE_RULE)
    return enqueue(kind=PLACE_JOB, key=PLACE_JOB, subject=gettext("All files"), user=user)


def _locked(rule: PathRule | None) -> PathRule:
    """`rule` as it is now, or a new one at the end. All rules are locked, in one order: whoever stores one may move the others."""
    rows = {row.pk: row for row in PathRule.objects.select_for_update().order_by("pk")}
    if rule is None:
        return PathRule(position=1 + max((row.position for row in rows.values()), default=0))
    return lock(rule)


def _cleaned(values: RuleChanges) -> RuleChanges:
    """What of a rule is stored, as it is stored. NameMissingError, NameTooLongError."""
    cleaned = values.copy()
    if "name" in cleaned:
        cleaned["name"] = clean_name(cleaned["name"], NAME_MAX)
    if "catalog_name" in cleaned:
        cleaned["catalog_name"] = text.tidy(cleaned["catalog_name"])[:CATALOG_MAX]
    if "series_name" in cleaned:
        cleaned["series_name"] = text.tidy(cleaned["series_name"])[:SERIES_MAX]
    return cleaned


def _write(row: PathRule, values: RuleChanges, action: str, user: User | None) -> None:
    was_in_use = row.is_enabled and not row._state.adding
    before, after = change(row, _cleaned(values))
    if row.is_enabled or "pattern" in after:  # one that cannot be used may be switched off
        compile_stored(row)
    if not after:
        return
    with name_is_free(row.name):
        row.save()
    audit(user, action, row, before, after)
    if (was_in_use or row.is_enabled) and after.keys() != {"name"}:
        request_placement(user=user)
