from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import migrations, models

if TYPE_CHECKING:
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def _drop_former_index(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    """The databases' own indexes of the entries, in whose place are the postings."""
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP INDEX IF EXISTS search_vector_658f82b5")
        editor.execute("DROP FUNCTION IF EXISTS search_tokens_658f82b5(text, text)")
        return
    with editor.connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'search_entry_%'")
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP TRIGGER {name}")
        cursor.execute("DROP TABLE IF EXISTS catalog_searchfts")


class Migration(migrations.Migration):
    dependencies = [("catalog", "0006_summary")]

    operations = [
        migrations.AddField(model_name="searchentry", name="lines", field=models.TextField(db_default="")),
        migrations.CreateModel(
            name="SearchBlock",
            fields=[
                ("number", models.IntegerField(primary_key=True, serialize=False)),
                ("revision", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="SearchPosting",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("block", models.IntegerField()),
                ("token", models.CharField(max_length=100)),
                ("is_facet", models.BooleanField()),
                ("ids", models.BinaryField()),
            ],
            options={
                "indexes": [models.Index(fields=["is_facet", "block"], name="search_posting_facets")],
                "constraints": [models.UniqueConstraint(fields=("token", "block"), name="search_posting_once")],
            },
        ),
        migrations.RunPython(_drop_former_index, migrations.RunPython.noop),
        # The triggers have changed too, so every file is noted when they are made: entries get their lines, and blocks their postings.
    ]
