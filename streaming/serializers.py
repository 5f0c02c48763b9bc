"""What the playback API says, as OpenAPI sees it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from streaming.choices import PlaybackMode


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
