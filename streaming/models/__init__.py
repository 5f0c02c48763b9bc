"""Files made from files, and how they are played. Knows how a file is made playable; never how it was found."""

from streaming.models.playback import Playback, PlaybackFault, WatchPosition
from streaming.models.renditions import Rendition, StoredObject, Track

__all__ = ["Playback", "PlaybackFault", "Rendition", "StoredObject", "Track", "WatchPosition"]
