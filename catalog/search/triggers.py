"""What the database itself does for the search: it notes each file whose entry has to be made anew, in the transaction of the change,
whoever makes it; and it keeps the full-text index of the entries.

Triggers instead of calls: files are written by COPY, by set-based statements and by the services of every entity, and none of them can
forget it. Installed after each `migrate`, because SQLite drops the triggers of a table that a migration makes anew.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.backends.base.base import BaseDatabaseWrapper

FTS = "catalog_searchfts"  # SQLite's full-text index
# PostgreSQL's holds what this makes of an entry; a query must say it in the same words. As a function, so that it has a price: the
# planner takes the expression itself for cheap and makes it anew for every row of the table.
_TOKENS_BODY = "BEGIN RETURN array_to_tsvector(string_to_array(btrim(rtrim(words) || facets), ' ')); END"
_DIGEST = f"{zlib.crc32(_TOKENS_BODY.encode()):08x}"  # another body makes another index
_TOKENS, _INDEX = f"search_tokens_{_DIGEST}", f"search_vector_{_DIGEST}"
VECTOR = f"{_TOKENS}(words, facets)"
_INDEX_POSTGRESQL = (
    f"CREATE OR REPLACE FUNCTION {_TOKENS}(words text, facets text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 10000"
    f" AS $$ {_TOKENS_BODY} $$; CREATE INDEX IF NOT EXISTS {_INDEX} ON catalog_searchentry USING gin (({VECTOR}))"
)
# Tokens hold nothing but letters, digits and "_"; what is not ASCII is part of one.
_INDEX_SQLITE = (
    f"CREATE VIRTUAL TABLE IF NOT EXISTS {FTS} USING fts5(words, facets, content='catalog_searchentry', content_rowid='file_id',"
    " detail='none', tokenize=\"ascii tokenchars '_'\")"
)
_BY_CONTENT = "SELECT id FROM catalog_mediafile WHERE content_id IN ({keys})"
_BY_SERIES = _BY_CONTENT.format(keys="SELECT id FROM catalog_content WHERE series_id IN ({keys})")
_BY_CATALOG = _BY_SERIES.format(keys="SELECT id FROM catalog_series WHERE catalog_id IN ({keys})")
_OF_PLAYERS = _BY_CONTENT.format(keys="SELECT content_id FROM catalog_content_players WHERE player_id IN ({keys})")


@dataclass(frozen=True, slots=True)
class _Watch:
    """Changes of a table after which files have to be indexed anew.

    `files`: their ids, from the values of `key` in the changed rows. `columns`: those that matter when a row is changed.
    """

    table: str
    columns: tuple[str, ...]
    key: str = "id"
    files: str = "{keys}"
    on_insert: bool = False
    on_delete: bool = False


_WATCHES = (
    _Watch(
        "catalog_mediafile",
        (
            *("name", "folder_id", "kind", "extension", "size_bytes", "presence", "probe_state", "video_codec", "audio_codec"),
            *("width_px", "height_px", "duration_ms", "content_id", "title", "description"),
        ),
        on_insert=True,
        on_delete=True,
    ),
    _Watch("catalog_folder", ("path",), files="SELECT id FROM catalog_mediafile WHERE folder_id IN ({keys})"),
    _Watch("catalog_content", ("title", "series_id"), files=_BY_CONTENT),
    _Watch("catalog_series", ("name", "year", "catalog_id"), files=_BY_SERIES),
    _Watch("catalog_catalog", ("name",), files=_BY_CATALOG),
    _Watch("catalog_tag", ("name",), files="SELECT mediafile_id FROM catalog_mediafile_tags WHERE tag_id IN ({keys})"),
    _Watch(
        "catalog_player",
        ("name", "name_ko", "name_en", "aliases"),
        files=f"SELECT mediafile_id FROM catalog_mediafile_players WHERE player_id IN ({{keys}}) UNION {_OF_PLAYERS}",  # noqa: S608
    ),
    _Watch("catalog_collection", ("name",), files="SELECT file_id FROM catalog_collectionitem WHERE collection_id IN ({keys})"),
    _Watch("catalog_mediafile_tags", ("tag_id",), "mediafile_id", on_insert=True, on_delete=True),
    _Watch("catalog_mediafile_players", ("player_id",), "mediafile_id", on_insert=True, on_delete=True),
    _Watch("catalog_content_players", ("player_id",), "content_id", _BY_CONTENT, on_insert=True, on_delete=True),
    _Watch("catalog_collectionitem", ("collection_id",), "file_id", on_insert=True, on_delete=True),
)


def install(connection: BaseDatabaseWrapper) -> None:
    """Make triggers and full-text index what they are here. If any trigger was missing or another, every file counts as changed."""
    is_postgresql = connection.vendor == "postgresql"
    wanted = {trigger.name: trigger for trigger in (_on_postgresql() if is_postgresql else _on_sqlite())}
    found = _installed(connection)
    with connection.cursor() as cursor:
        if is_postgresql:
            cursor.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'search\\_vector\\_%%' AND indexname <> %s", [_INDEX])
            for (stale,) in cursor.fetchall():
                cursor.execute(f"DROP INDEX {stale}")
        cursor.execute(_INDEX_POSTGRESQL if is_postgresql else _INDEX_SQLITE)
        for name, table in found.items():
            if name not in wanted:
                cursor.execute(f"DROP TRIGGER {name} ON {table}" if is_postgresql else f"DROP TRIGGER {name}")
        for name, trigger in wanted.items():
            for statement in trigger.statements if name not in found else ():
                cursor.execute(statement)
        if found.keys() != wanted.keys():
            cursor.execute("INSERT INTO catalog_searchchange (file_id) SELECT id FROM catalog_mediafile")
            rebuild_index(connection)


def rebuild_index(connection: BaseDatabaseWrapper) -> None:
    """Make the full-text index of the entries anew; who searches on PostgreSQL does not wait for it outside of a transaction."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"REINDEX INDEX {'' if connection.in_atomic_block else 'CONCURRENTLY'} {_INDEX}")
        else:
            cursor.execute(f"INSERT INTO {FTS} ({FTS}) VALUES ('rebuild')")  # noqa: S608  (our own name)


@dataclass(frozen=True, slots=True)
class _Trigger:
    """A trigger and how it is made. Its name ends in a digest of that, so that a changed one replaces its predecessor."""

    stem: str
    body: tuple[str, ...]  # statements with {name}

    @property
    def name(self) -> str:
        return f"search_{self.stem}_{zlib.crc32(''.join(self.body).encode()):08x}"

    @property
    def statements(self) -> list[str]:
        return [statement.replace("{name}", self.name) for statement in self.body]


def _installed(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """Our triggers that there are, each with its table."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal AND starts_with(tgname, 'search_')"
            )
        else:
            cursor.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' AND substr(name, 1, 7) = 'search_'")
        return dict(cursor.fetchall())


def _events(watch: _Watch) -> Iterator[tuple[str, str]]:
    """What happens to a row, and the row that tells of it."""
    yield "update", "new"
    if watch.on_insert:
        yield "insert", "new"
    if watch.on_delete:
        yield "delete", "old"


def _on_sqlite() -> Iterator[_Trigger]:
    for watch in _WATCHES:
        for event, row in _events(watch):
            when = f"{event} ON {watch.table}"
            if event == "update":
                new, old = (", ".join(f"{side}.{column}" for column in watch.columns) for side in ("new", "old"))
                when = f"UPDATE OF {', '.join(watch.columns)} ON {watch.table} WHEN ({new}) IS NOT ({old})"
            files = watch.files.format(keys=f"SELECT {row}.{watch.key}")
            make = f"CREATE TRIGGER {{name}} AFTER {when} BEGIN INSERT INTO catalog_searchchange (file_id) {files}; END"
            yield _Trigger(f"{watch.table}_{event}", (make,))
    gone = f"INSERT INTO {FTS} ({FTS}, rowid, words, facets) VALUES ('delete', old.file_id, old.words, old.facets)"  # noqa: S608
    made = f"INSERT INTO {FTS} (rowid, words, facets) VALUES (new.file_id, new.words, new.facets)"  # noqa: S608
    for event, actions in (("INSERT", [made]), ("DELETE", [gone]), ("UPDATE OF words, facets", [gone, made])):
        make = f"CREATE TRIGGER {{name}} AFTER {event} ON catalog_searchentry BEGIN {'; '.join(actions)}; END"
        yield _Trigger(f"entry_{event.split()[0].lower()}", (make,))


def _on_postgresql() -> Iterator[_Trigger]:
    for watch in _WATCHES:
        for event, row in _events(watch):
            keys, tables = f"SELECT {watch.key} FROM {row}_rows", f"{row} TABLE AS {row}_rows"  # noqa: S608
            if event == "update":
                # Not a join: PostgreSQL keeps the plan that was right for the first, small change.
                columns = ", ".join(dict.fromkeys(("id", watch.key, *watch.columns)))
                changed = f"SELECT {columns} FROM new_rows EXCEPT SELECT {columns} FROM old_rows"  # noqa: S608
                keys = f"SELECT {watch.key} FROM ({changed}) AS changed"  # noqa: S608
                tables = f"OLD TABLE AS old_rows {tables}"
            note = f"INSERT INTO catalog_searchchange (file_id) {watch.files.format(keys=keys)}"
            # Where nothing that matters has changed no other table is read; else by indexes, whatever statistics say (`prefer_indexes`).
            body = f"BEGIN IF EXISTS ({keys}) THEN {note}; END IF; RETURN NULL; END"
            function = f"CREATE OR REPLACE FUNCTION {{name}}() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$ {body} $$"
            when = f"AFTER {event} ON {watch.table} REFERENCING {tables} FOR EACH STATEMENT"
            yield _Trigger(f"{watch.table}_{event}", (function, f"CREATE TRIGGER {{name}} {when} EXECUTE FUNCTION {{name}}()"))
