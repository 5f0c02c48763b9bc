"""Bodies of answers that are made while they are sent."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync


@async_to_sync
async def body_of(response: Any) -> bytes:
    """All of it, read as a server does."""
    return b"".join([part async for part in response])
