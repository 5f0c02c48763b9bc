"""The curators' admin. Every write goes through the services; errors of theirs are shown in the form that caused them."""

from catalog.admin import curation, files, imports, sources, works

__all__ = ["curation", "files", "imports", "sources", "works"]
