"""Why a file cannot be played or handed out, in the viewer's words: no address of a server is in them."""

from __future__ import annotations

from mam.lib.errors import MamError, gettext_noop


class MediaGoneError(MamError):
    code = "media_gone"
    template = gettext_noop("The file is no longer on its source. The next scan will say where it went.")
    http_status = 410


class MediaChangedError(MamError):
    """The bytes are not those the catalog describes: sending them under its ETag would mix two versions."""

    code = "media_changed"
    template = gettext_noop("The file has changed on its source since it was catalogued. It can be played after the next scan.")
    http_status = 409
    is_permanent = False


class MediaUnreadableError(MamError):
    code = "media_unreadable"
    template = gettext_noop("The source does not let the system read this file. Its administrator can see why.")
    http_status = 502


class MediaSourceOfflineError(MamError):
    code = "media_source_offline"
    template = gettext_noop("The source does not answer at the moment. Try again shortly.")
    http_status = 503
    is_permanent = False


class NotLoggedInError(MamError):
    code = "not_logged_in"
    template = gettext_noop("Log in first.")
    http_status = 401


class StoreSuspectError(MamError):
    """The listing and the rows are so far apart that something else must be wrong: nothing was deleted or made again."""

    code = "store_suspect"
    template = gettext_noop(
        "The storage does not look like the one that belongs to this database: %(missing)s of %(rows)s objects are missing, %(orphans)s "
        "of %(listed)s belong to nothing. Nothing was changed. Is the folder mounted, the bucket right? If this is as it should be: "
        "manage.py verify_renditions --repair --force"
    )
    http_status = 409


class TokenInvalidError(MamError):
    """Not one of ours, or tampered with, or of another file."""

    code = "stream_address_invalid"
    template = gettext_noop("This address is not valid. Open the player again.")
    http_status = 403


class TokenExpiredError(MamError):
    code = "stream_address_expired"
    template = gettext_noop("This address has expired. Open the player again.")
    http_status = 403


class TokenForeignError(MamError):
    """Made for another session: somebody else's, or one's own before logging out."""

    code = "stream_address_foreign"
    template = gettext_noop("This address was made for another login. Open the player again.")
    http_status = 403


class StreamPartMissingError(MamError):
    """No such track, segment or object (any more)."""

    code = "stream_part_missing"
    template = gettext_noop("This part of the stream does not exist (any more). Open the player again.")
    http_status = 404


class StreamStoreOfflineError(MamError):
    """What lies behind it is in the log: viewers get no address of a server."""

    code = "stream_store_offline"
    template = gettext_noop("The storage of prepared streams does not answer at the moment. Try again shortly.")
    http_status = 503
    is_permanent = False


class NothingToPlayError(MamError):
    """The playback API says why."""

    code = "nothing_to_play"
    template = gettext_noop("There is nothing to play of this file at the moment.")
    http_status = 409
    is_permanent = False
