"""What the API says of playback, renditions and videos, as OpenAPI sees it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import reverse
from django.utils.translation import gettext
from rest_framework import serializers

from catalog.models import MediaFile
from catalog.serializers.files import ratio
from mam.lib import messages
from streaming.choices import PlaybackMode, RenditionKind
from streaming.models import Rendition


class ReasonSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField(help_text="In the reader's language.")


class RateSerializer(serializers.Serializer[Any]):
    """Frames per second, exact."""

    num = serializers.IntegerField()
    den = serializers.IntegerField()


class ChapterSerializer(serializers.Serializer[Any]):
    start_ms = serializers.IntegerField()
    end_ms = serializers.IntegerField()
    title = serializers.CharField()


class AddressSerializer(serializers.Serializer[Any]):
    url = serializers.CharField()


class WaveformSerializer(AddressSerializer):
    """Peaks, one byte each: channel by channel within a moment of `peak_ms`."""

    channels = serializers.IntegerField()
    peaks = serializers.IntegerField()
    peak_ms = serializers.IntegerField()


class NextPartSerializer(AddressSerializer):
    title = serializers.CharField()


class PlaybackJobSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    progress = serializers.FloatField(allow_null=True, help_text="0 to 1; null while nobody knows.")


class PlaybackSerializer(serializers.Serializer[Any]):
    """How a file is played now, by whom asks, and why not more cheaply."""

    mode = serializers.ChoiceField(choices=PlaybackMode.choices)
    state = serializers.ChoiceField(choices=["ready", "preparing", "offline", "failed", "pending"])
    reasons = ReasonSerializer(many=True)
    url = serializers.CharField(allow_blank=True, help_text="Empty: there is nothing to play now.")
    mime_type = serializers.CharField(allow_blank=True)
    hevc_type = serializers.CharField(allow_blank=True, help_text="Ask again with `hevc=1` if `canPlayType` takes this.")
    expires_at = serializers.DateTimeField(help_text="Addresses with a token end then; ask again before.")
    fallback_url = serializers.CharField(allow_null=True, help_text="For a player that cannot play `url`.")
    left_url = serializers.CharField(allow_null=True, help_text="POST here when the viewer leaves: encoders are free at once.")
    sounds = serializers.ListField(
        child=serializers.CharField(),
        help_text="Of a file with several that plays directly: only the first is heard, the others are in `fallback_url`.",
    )
    poster = serializers.CharField()
    storyboard = AddressSerializer(allow_null=True)
    waveform = WaveformSerializer(allow_null=True)
    chapters = ChapterSerializer(many=True)
    rate = RateSerializer(allow_null=True)
    start_timecode = serializers.CharField(allow_blank=True)
    drop_frame = serializers.BooleanField()
    duration_ms = serializers.IntegerField()
    frames = serializers.IntegerField(help_text="0: not known.")
    position_ms = serializers.IntegerField(help_text="Where the user stopped.")
    next = NextPartSerializer(allow_null=True)
    job = PlaybackJobSerializer(allow_null=True, help_text="That prepares the stream.")


class RenditionSerializer(serializers.ModelSerializer[Rendition]):
    """Something made of a file, or to be made."""

    progress = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    is_current = serializers.SerializerMethodField()

    class Meta:
        model = Rendition
        fields: ClassVar = [
            *["kind", "state", "is_current", "preset", "size_bytes", "width_px", "height_px", "cpu_ms", "made_at", "last_access_at"],
            *["attempts", "error", "job_id", "progress"],
        ]
        read_only_fields: ClassVar = fields

    def get_progress(self, row: Rendition) -> float | None:
        """0 to 1, of its job; null when none works on it or nobody knows."""
        if row.job is None or row.job.finished_at is not None or not row.job.progress_total:
            return None
        return min(1.0, row.job.progress_done / row.job.progress_total)

    def get_error(self, row: Rendition) -> str:
        """Why it could not be made, in the reader's language."""
        return messages.render(row.error_code, row.error_params, gettext) if row.error_code else ""

    def get_is_current(self, row: Rendition) -> bool:
        """What is stored was made of the version that is wanted."""
        return bool(row.size_bytes) and row.made_from == row.source_fingerprint


class MakeRenditionSerializer(serializers.Serializer[Any]):
    """What is to be made."""

    kind = serializers.ChoiceField(choices=RenditionKind.choices)
    again = serializers.BooleanField(default=False, help_text="Also if it is ready or was given up.")


class VideoSerializer(serializers.ModelSerializer[MediaFile]):
    """A video, short. In the context: `posters`, file id -> address."""

    title = serializers.SerializerMethodField()
    path = serializers.CharField(read_only=True)
    source = serializers.CharField(source="source.name", read_only=True)  # type: ignore[assignment]
    frame_rate = serializers.SerializerMethodField()
    poster_url = serializers.SerializerMethodField()
    stream_url = serializers.SerializerMethodField()
    page_url = serializers.SerializerMethodField()

    class Meta:
        model = MediaFile
        fields: ClassVar = [
            *["id", "title", "name", "path", "source", "size_bytes", "duration_ms", "width_px", "height_px", "frame_rate"],
            *["video_codec", "audio_codec", "recorded_at", "first_seen_at", "presence", "poster_url", "stream_url", "page_url"],
        ]
        read_only_fields: ClassVar = fields

    def get_title(self, file: MediaFile) -> str:
        """What people call it."""
        return str(file)

    def get_frame_rate(self, file: MediaFile) -> str | None:
        """Frames per second, exact: `"30000/1001"`."""
        return ratio(file.frame_rate_num, file.frame_rate_den)

    def get_poster_url(self, file: MediaFile) -> str:
        """Its picture, or a drawing in its place."""
        return str(self.context["posters"][file.pk])

    def get_stream_url(self, file: MediaFile) -> str:
        """MP4 by range, or HLS."""
        return reverse("videos_api:stream", args=[file.pk])

    def get_page_url(self, file: MediaFile) -> str:
        """The page that plays it."""
        return reverse("streaming:watch", args=[file.pk])


class VideoPageSerializer(serializers.Serializer[Any]):
    """A page of videos."""

    items = VideoSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="Give it back as `cursor`.")
    previous = serializers.CharField(allow_null=True, help_text="Give it back as `cursor`.")


class VideoSearchSerializer(serializers.Serializer[Any]):
    """What to look for; all conditions together. The same as the parameters of the list."""

    query = serializers.CharField(required=False, allow_blank=True, max_length=500)
    source = serializers.IntegerField(required=False, allow_null=True)  # type: ignore[assignment]
    catalog = serializers.IntegerField(required=False, allow_null=True)
    series = serializers.IntegerField(required=False, allow_null=True)
    content = serializers.IntegerField(required=False, allow_null=True)
    below = serializers.IntegerField(required=False, allow_null=True, help_text="In this folder or anywhere below it.")
    min_duration_ms = serializers.IntegerField(required=False, allow_null=True, min_value=0)
    max_duration_ms = serializers.IntegerField(required=False, allow_null=True, min_value=0)
    min_height_px = serializers.IntegerField(required=False, allow_null=True, min_value=0)
    found_after = serializers.DateTimeField(required=False, allow_null=True)
    found_before = serializers.DateTimeField(required=False, allow_null=True)
    limit = serializers.IntegerField(default=50, min_value=1, max_value=200)
    cursor = serializers.CharField(default="", allow_blank=True)

    def to_internal_value(self, data: Any) -> Any:
        """ValidationError also for a field that does not exist: a condition that is overlooked would find everything."""
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else []
        if unknown:
            known = ", ".join(self.fields)
            raise serializers.ValidationError(
                {name: gettext("There is no such field. There are: %(fields)s") % {"fields": known} for name in unknown}
            )
        return super().to_internal_value(data)
