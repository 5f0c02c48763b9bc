"""A target that is a database, SQLite or PostgreSQL: `DatabaseTarget`."""

from sync.targets.database.target import BATCH_ROWS, DatabaseTarget

__all__ = ["BATCH_ROWS", "DatabaseTarget"]
