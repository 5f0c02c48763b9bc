"""SQLite as a database of Django, with connections that are kept: `ENGINE = "mam.lib.sqlite"`."""
