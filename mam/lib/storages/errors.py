"""What goes wrong with stored bytes, in words that name the thing to look at. None of them shows a key."""

from __future__ import annotations

from mam.lib.errors import MamError, gettext_noop


class StorageError(MamError):
    """Base, and what fits nothing below."""

    code = "storage_failed"
    template = gettext_noop("The storage answered with an error: %(reason)s")
    http_status = 502


class ObjectMissingError(StorageError):
    code = "object_missing"
    template = gettext_noop("The storage has no object %(name)s.")
    http_status = 404


class StorageOfflineError(StorageError):
    """No answer, or one that asks to come back later: the same call may succeed in a moment."""

    code = "storage_offline"
    template = gettext_noop("The storage does not answer at the moment (%(reason)s).")
    http_status = 503
    is_permanent = False


class StorageRefusedError(StorageError):
    """Never tried again by itself: a wrong key stays wrong."""

    code = "storage_refused"
    template = gettext_noop("The storage refuses the access key (%(reason)s). Check S3_ACCESS_KEY, S3_SECRET_KEY and its rights.")


class StorageMisconfiguredError(StorageError):
    code = "storage_misconfigured"
    template = gettext_noop("The storage has no bucket %(bucket)s. Create it, or correct S3_BUCKET.")


class StorageFullError(StorageError):
    code = "storage_full"
    template = gettext_noop("There is no space left in the storage.")
    http_status = 507


class UploadCancelledError(StorageError):
    code = "upload_cancelled"
    template = gettext_noop("Storing %(name)s was stopped because its work was cancelled.")
