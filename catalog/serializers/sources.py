"""Sources and path rules."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext
from rest_framework import serializers

from catalog.models import PathRule, Source
from catalog.selectors.scope import MANAGE_SOURCE
from mam.lib import messages


class SourceSerializer(serializers.ModelSerializer[Source]):
    """A source. Of its credentials one learns only whether there are any, of its address only who manages sources."""

    url = serializers.SerializerMethodField(help_text="Empty for who does not manage sources.")
    has_credentials = serializers.SerializerMethodField()
    state_message = serializers.SerializerMethodField()
    include_globs = serializers.ListField(child=serializers.CharField(), read_only=True)
    exclude_globs = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Source
        fields: ClassVar = [
            "id",
            "name",
            "url",
            "has_credentials",
            "require_encryption",
            "read_limit_bytes_per_s",
            "open_file_limit",
            "parallelism",
            "include_globs",
            "exclude_globs",
            "poll_interval_s",
            "is_enabled",
            "state",
            "state_code",
            "state_message",
            "state_at",
            "last_scan_at",
            "created_at",
        ]
        read_only_fields: ClassVar = fields

    def get_url(self, source: Source) -> str:
        """Where it is."""
        request = self.context.get("request")
        return source.url if request is not None and request.user.has_perm(MANAGE_SOURCE) else ""

    def get_has_credentials(self, source: Source) -> bool:
        """True when a user name or password is stored."""
        return bool(source.credentials)

    def get_state_message(self, source: Source) -> str:
        """Why the source is not online, in the reader's language; "" when there is nothing to say."""
        return messages.render(source.state_code, source.state_params, gettext) if source.state_code else ""


class SourceWriteSerializer(serializers.Serializer[Any]):
    """What may be set of a source. Credentials go in and never come out; naming one of the three replaces them all."""

    name = serializers.CharField(max_length=120)
    url = serializers.CharField(max_length=1000, help_text="smb://host[:port]/share/path or file:///path")
    username = serializers.CharField(required=False, allow_blank=True, max_length=255, write_only=True)
    password = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False, max_length=255, write_only=True)
    domain = serializers.CharField(required=False, allow_blank=True, max_length=255, write_only=True)
    require_encryption = serializers.BooleanField(required=False)
    read_limit_bytes_per_s = serializers.IntegerField(required=False, allow_null=True, min_value=65_536)
    open_file_limit = serializers.IntegerField(required=False, allow_null=True, min_value=2, max_value=1000)
    parallelism = serializers.IntegerField(required=False, min_value=1, max_value=64)
    include_globs = serializers.ListField(child=serializers.CharField(max_length=255), required=False, max_length=100)
    exclude_globs = serializers.ListField(child=serializers.CharField(max_length=255), required=False, max_length=100)
    poll_interval_s = serializers.IntegerField(required=False, min_value=5, max_value=604_800)
    is_enabled = serializers.BooleanField(required=False)


class ConnectionReportSerializer(serializers.Serializer[Any]):
    """What came of a connection test. `code` and `message` are empty when it went well."""

    is_ok = serializers.BooleanField()
    latency_ms = serializers.FloatField()
    server = serializers.CharField()
    dialect = serializers.CharField()
    is_encrypted = serializers.BooleanField()
    root_entries = serializers.IntegerField()
    code = serializers.CharField()
    message = serializers.SerializerMethodField()

    def get_message(self, report: Any) -> str:
        """Why it failed, in the reader's language."""
        return messages.render(report.code, report.params, gettext) if report.code else ""


class PathRuleSerializer(serializers.ModelSerializer[PathRule]):
    """A path rule."""

    source = serializers.PrimaryKeyRelatedField[Source](read_only=True)  # type: ignore[assignment]

    class Meta:
        model = PathRule
        fields: ClassVar = ["id", "name", "position", "source", "pattern", "catalog_name", "series_name", "is_enabled"]
        read_only_fields: ClassVar = fields


class PathRuleWriteSerializer(serializers.Serializer[Any]):
    """What a path rule says. `pattern` is RE2 with the groups catalog, series, title, year, part."""

    name = serializers.CharField(max_length=120)
    pattern = serializers.CharField(max_length=2000, trim_whitespace=False)
    position = serializers.IntegerField(required=False, min_value=0, max_value=2**31 - 1)
    source = serializers.PrimaryKeyRelatedField(queryset=Source.objects.all(), required=False, allow_null=True)  # type: ignore[assignment]
    catalog_name = serializers.CharField(required=False, allow_blank=True, max_length=120)
    series_name = serializers.CharField(required=False, allow_blank=True, max_length=120)
    is_enabled = serializers.BooleanField(required=False)


class RulePreviewSerializer(serializers.Serializer[Any]):
    """A rule that need not be stored yet, and paths to try it on."""

    pattern = serializers.CharField(max_length=2000, trim_whitespace=False)
    catalog_name = serializers.CharField(default="", allow_blank=True, max_length=120)
    series_name = serializers.CharField(default="", allow_blank=True, max_length=120)
    paths = serializers.ListField(child=serializers.CharField(max_length=4096, trim_whitespace=False), max_length=1000)


class PlaceSerializer(serializers.Serializer[Any]):
    """Where a rule puts a path."""

    catalog = serializers.CharField()
    series = serializers.CharField(allow_null=True)
    title = serializers.CharField()
    year = serializers.IntegerField(allow_null=True)
    part = serializers.IntegerField(allow_null=True)


class RuleEffectRequestSerializer(serializers.Serializer[Any]):
    """A rule that need not be stored, and the files to try it on: the newest, or those that a search finds."""

    rule = serializers.PrimaryKeyRelatedField(
        queryset=PathRule.objects.all(), required=False, allow_null=True, default=None, help_text="The stored rule whose place it takes."
    )
    after = serializers.PrimaryKeyRelatedField(
        queryset=PathRule.objects.all(), required=False, allow_null=True, help_text="The rule it is tried after; null: before all others."
    )
    name = serializers.CharField(max_length=120, default="", allow_blank=True)
    pattern = serializers.CharField(max_length=2000, trim_whitespace=False)
    source = serializers.PrimaryKeyRelatedField(queryset=Source.objects.all(), default=None, allow_null=True)  # type: ignore[assignment]
    catalog_name = serializers.CharField(default="", allow_blank=True, max_length=120)
    series_name = serializers.CharField(default="", allow_blank=True, max_length=120)
    is_enabled = serializers.BooleanField(default=True)
    words = serializers.CharField(default="", allow_blank=True, max_length=300, help_text="Words and fields, as in the search box.")
    show = serializers.ChoiceField(choices=("changed", "decided", "all"), default="changed", help_text="Which files are in `items`.")
    limit = serializers.IntegerField(default=50, min_value=0, max_value=1000)


class PreviewedPathSerializer(serializers.Serializer[Any]):
    """One tried path; `place` is null where the rule does not match."""

    path = serializers.CharField()
    place = PlaceSerializer(allow_null=True)


class VerdictSerializer(serializers.Serializer[Any]):
    """Where a path goes, and which rule says so (null: none, the folders do)."""

    rule = serializers.SerializerMethodField()
    place = PlaceSerializer()

    def get_rule(self, verdict: Any) -> str | None:
        """Its name."""
        return verdict.rule.name if verdict.rule else None


class CurrentPlaceSerializer(serializers.Serializer[Any]):
    """Where a file lies: its content."""

    catalog = serializers.CharField()
    series = serializers.CharField()
    title = serializers.CharField()
    part = serializers.IntegerField(allow_null=True)


class TriedFileSerializer(serializers.Serializer[Any]):
    """One file, where it lies, and what the rules say about it as they are and as they would be."""

    file_id = serializers.IntegerField()
    path = serializers.CharField()
    now = CurrentPlaceSerializer(allow_null=True, help_text="null: in no content yet.")
    before = VerdictSerializer()
    after = VerdictSerializer()
    is_moving = serializers.BooleanField()
    is_by_hand = serializers.BooleanField(help_text="A curator placed it: it stays.")


class RuleEffectSerializer(serializers.Serializer[Any]):
    """What a rule would do to the files that were looked at: 10,000 at most, fewer where the pattern takes its time."""

    total = serializers.IntegerField(help_text="Files of the sources concerned.")
    examined = serializers.IntegerField()
    is_whole = serializers.BooleanField(help_text="There are no others.")
    decided = serializers.IntegerField(help_text="By this rule.")
    moving = serializers.IntegerField(help_text="Would lie elsewhere than they do.")
    drifted = serializers.IntegerField(
        help_text="Of those: not for this rule, but because they do not lie where the present rules put them."
    )
    unchanged = serializers.IntegerField()
    by_hand = serializers.IntegerField(help_text="Would go elsewhere, had no curator placed them.")
    new_catalogs = serializers.IntegerField()
    new_series = serializers.IntegerField()
    items = TriedFileSerializer(many=True)
