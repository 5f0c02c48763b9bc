"""What was changed of one object of the catalog, in words: from the audit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from catalog.errors import ObjectNotFoundError
from catalog.models import Catalog, Collection, Content, MediaFile, Player, Series, Tag
from catalog.selectors.scope import CURATE
from mam.accounts.access import require
from mam.accounts.models import AuditEntry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import Model, QuerySet
    from django.utils.functional import Promise

    from catalog.selectors.scope import Reader

# As the addresses name them, and their pages.
_MODELS: dict[str, tuple[type[Model], str]] = {
    "file": (MediaFile, "file"),
    "content": (Content, "content"),
    "series": (Series, "series"),
    "catalog": (Catalog, "catalog"),
    "tag": (Tag, "tag"),
    "player": (Player, "player"),
    "collection": (Collection, "collection"),
}
_ACTIONS: dict[str, Promise] = {
    "file.update": _("Described"),
    "file.move": _("Moved to another content"),
    "file.release": _("Given back to the path rules"),
    "file.players": _("Players set"),
    "file.add_tag": _("Tag added"),
    "file.remove_tag": _("Tag removed"),
    "file.add_player": _("Player added"),
    "file.remove_player": _("Player removed"),
    "file.collect": _("Put into a collection"),
    "file.take_out": _("Taken out of a collection"),
    "collection.add": _("Files added"),
    "collection.remove": _("Files removed"),
    "collection.order": _("Order changed"),
    "collection.nest": _("Moved"),
    "tag.add": _("Put on files"),
    "tag.remove": _("Taken off files"),
    "tag.recolor": _("Colour changed"),
    "tag.rename": _("Renamed"),
    "tag.merge": _("Merged with another"),
    "player.add": _("Added to files"),
    "player.remove": _("Removed from files"),
    "player.merge": _("Merged with another"),
    "content.merge": _("Merged with another"),
    "content.move": _("Moved to another series"),
    "content.split": _("Split off"),
}
_VERBS: dict[str, Promise] = {"create": _("Made"), "update": _("Changed"), "delete": _("Deleted")}
_FIELDS: dict[str, Promise] = {
    "name": _("name"),
    "name_ko": _("Korean name"),
    "name_en": _("English name"),
    "aliases": _("other spellings"),
    "title": _("title"),
    "description": _("description"),
    "query": _("search"),
    "part_number": _("part"),
    "catalog": _("catalog"),
    "series": _("series"),
    "content": _("content"),
    "tag": _("tag"),
    "player": _("player"),
    "players": _("players"),
    "collection": _("collection"),
    "parent": _("inside"),
    "parent_id": _("inside"),
    "files": _("files"),
    "year": _("year"),
    "color": _("colour"),
    "country": _("country"),
    "position": _("position"),
}
_NAMED: dict[str, type[Model]] = {
    "content": Content,
    "series": Series,
    "catalog": Catalog,
    "players": Player,
    "parent": Collection,
    "parent_id": Collection,
}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field before and after, in words; "" for nothing."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """An entry of the audit in words."""

    entry: AuditEntry
    action: str
    fields: list[FieldChange]


def get_history(*, user: Reader, kind: str, object_id: int) -> tuple[Model, QuerySet[AuditEntry]]:
    """An object and the audit of it, with the actors. ObjectNotFoundError."""
    require(user, CURATE)
    model = _MODELS.get(kind, (None, ""))[0]
    row = model._default_manager.filter(pk=object_id).first() if model else None
    if model is None or row is None:
        raise ObjectNotFoundError
    return row, AuditEntry.objects.filter(object_type=model._meta.label_lower, object_id=str(object_id)).select_related("actor", "api_key")


def page_of(row: Model) -> str:
    """Address of the page of an object that has a history."""
    name = next(page for model, page in _MODELS.values() if isinstance(row, model))
    return reverse(f"catalog:{name}_detail", args=[row.pk])


def explain(entries: Iterable[AuditEntry]) -> list[Change]:
    """Entries in words; what they name by id is named as it is called now, with one query for each kind of thing."""
    entries = list(entries)
    names = {field: model._default_manager.in_bulk(_ids(entries, field)) for field, model in _NAMED.items() if _ids(entries, field)}
    return [
        Change(
            entry,
            _action(entry.action),
            [
                FieldChange(
                    str(_FIELDS.get(field, field)),
                    _word(field, entry.before.get(field), names),
                    _word(field, entry.after.get(field), names),
                )
                for field in dict.fromkeys([*entry.before, *entry.after])
                if field in _FIELDS
            ],
        )
        for entry in entries
    ]


def _action(action: str) -> str:
    _app, _dot, short = action.partition(".")
    verb = short.rpartition(".")[2]
    return str(_ACTIONS.get(short) or _VERBS.get(verb) or action)


def _ids(entries: list[AuditEntry], field: str) -> set[int]:
    found: set[int] = set()
    for entry in entries:
        for value in (entry.before.get(field), entry.after.get(field)):
            found |= {one for one in (value if isinstance(value, list) else [value]) if isinstance(one, int)}
    return found


def _word(field: str, value: Any, names: dict[str, dict[Any, Model]]) -> str:
    if value is None or value in ("", []):
        return ""
    if field == "files":
        return str(len(value) if isinstance(value, list) else value)
    if isinstance(value, list):
        return ", ".join(_word(field, one, names) for one in value)
    if field in _NAMED and isinstance(value, int):
        row = names.get(field, {}).get(value)
        return str(row) if row else f"#{value}"
    return str(value)
