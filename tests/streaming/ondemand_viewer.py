"""A process like a web process, with viewers who ask for segments: for tests of several of them, and of one that is killed.

`python -m tests.streaming.ondemand_viewer CACHE FILE_ID TRACK INDEX...` says "ready", waits for a line, asks for all segments at once,
says "INDEX CHECKSUM" of each and in the end "made N": how many of them were encoded here.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from pathlib import Path

import django

django.setup()

from catalog.models import MediaFile  # noqa: E402
from tests.streaming.ondemand import open_door, player_of  # noqa: E402


async def main(cache: str, file_id: str, track: str, *indices: str) -> None:
    """Ask, tell, and go when the own encoders have ended."""
    file = await MediaFile.objects.select_related("source", "folder").prefetch_related("streams").aget(pk=int(file_id))
    door = open_door(Path(cache), encoders=len(indices))
    player = await player_of(door, file)

    async def fetch(index: int) -> None:
        data = await player.segment(track, index)
        say(f"{index} {hashlib.sha256(data).hexdigest()}")

    say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.gather(*(fetch(int(index)) for index in indices))
    await asyncio.to_thread(door.close)
    say(f"made {door.made}")


def say(line: str) -> None:
    """To whoever started this."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
