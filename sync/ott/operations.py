"""What a migration of a target's tables may do: make what is missing, and leave alone what another program has made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.migrations import CreateModel

if TYPE_CHECKING:
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor
    from django.db.migrations.state import ProjectState


class CreateModelUnlessThere(CreateModel):
    """A table of that name stays as it is, whatever it is like; and it stays when the migration is taken back."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Make the table and its indexes, or nothing."""
        table = to_state.apps.get_model(app_label, self.name)._meta.db_table
        with schema_editor.connection.cursor() as cursor:
            there = {name.lower() for name in schema_editor.connection.introspection.table_names(cursor, include_views=True)}
        if table not in there:
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Nothing: who could tell whose rows they are."""
