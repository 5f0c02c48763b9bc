"""The stream that players get: by copy where the file allows it, else the ladder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mam.lib import messages
from mam.lib.errors import gettext_noop
from mam.lib.ffmpeg import FfmpegFailedError
from streaming import decision, selectors
from streaming.making import ladder, remux
from streaming.making.tracks import EncodeIncompleteError
from streaming.services import decisions

if TYPE_CHECKING:
    from streaming.making.jobs import Making
    from streaming.services.renditions import Made

messages.register({"hls_not_by_copy": gettext_noop("The file cannot be cut into segments as it is (%(reason)s); it is encoded.")})


def make_hls(making: Making) -> Made:
    """Make it. That a file turned out not to be fit for copying is kept: the next time it is encoded at once.

    A copy that fails is no other thing, as long as its source is sound (`Making.source` has looked) and nobody stopped it.
    """
    if decision.is_copyable(selectors.facts_of(making.file, selectors.find_playback(making.file))):
        try:
            return remux.make_remux(making)
        except (remux.UnfitForCopyError, FfmpegFailedError, EncodeIncompleteError) as error:
            making.ctx.check()
            making.discard()
            making.ctx.log("hls_not_by_copy", reason=str(error))
            decisions.refuse_copy(file=making.file)
    return ladder.make_ladder(making)
