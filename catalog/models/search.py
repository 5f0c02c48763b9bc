"""What the search reads. Written by `catalog.search` alone; triggers of the database note which files have changed."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class SearchEntry(models.Model):
    """One file as the search knows it: its tokens, and what results are sorted and narrowed by. A narrow table beside the wide one.

    `words`, `facets`: tokens with a space between them, before the first and after the last. `lines`: what a match is ranked by
    (`catalog.search.ranking`).
    """

    # Without a constraint: an entry may outlive its file by the moment until the note of that is read.
    file = models.OneToOneField("catalog.MediaFile", models.DO_NOTHING, primary_key=True, related_name="+", db_constraint=False)
    words = models.TextField()
    facets = models.TextField()
    lines = models.TextField(db_default="")
    name_key = models.CharField(max_length=255)
    size_bytes = models.BigIntegerField()
    duration_ms = models.BigIntegerField(default=-1)  # -1: not known

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["name_key", "file"], name="search_by_name"),
            models.Index(fields=["size_bytes", "file"], name="search_by_size"),
            models.Index(fields=["duration_ms", "file"], name="search_by_duration"),
        ]

    def __str__(self) -> str:
        return f"{self.file_id}"


class SearchBlock(models.Model):
    """So many neighbouring ids of files (`catalog.search.postings.BLOCK`). Whoever changes postings of them locks this row."""

    number = models.IntegerField(primary_key=True)
    revision = models.BigIntegerField(default=0)  # a new random number with each change; 0: no postings made yet

    def __str__(self) -> str:
        return f"{self.number}"


class SearchPosting(models.Model):
    """Which files of one block have a token. Never empty."""

    block = models.IntegerField()
    token = models.CharField(max_length=100)
    is_facet = models.BooleanField()
    ids = models.BinaryField()  # a Roaring bitmap of file ids

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["token", "block"], name="search_posting_once")]
        indexes: ClassVar = [models.Index(fields=["is_facet", "block"], name="search_posting_facets")]

    def __str__(self) -> str:
        return f"{self.token} {self.block}"


class SearchChange(models.Model):
    """A file whose entry has to be made anew. Added by triggers, in the transaction of the change; taken away with the new entry.

    One row for each change: what was changed again meanwhile has a row again.
    """

    file_id = models.BigIntegerField()  # may be gone

    def __str__(self) -> str:
        return f"{self.file_id}"


class SearchWord(models.Model):
    """A token that occurs, or occurred, in an entry: what a misspelt word may have meant. Only ever added to, but for a rebuild."""

    word = models.CharField(max_length=64, unique=True)

    def __str__(self) -> str:
        return self.word
