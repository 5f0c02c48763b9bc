"""Where the system keeps bytes of its own: a local folder or an S3 bucket, behind one interface.

Both are Django storages (`settings.STORAGES` names them) and `ByteStore`s: written as a stream, read by range, listed in order.
"""

from mam.lib.storages.base import ByteStore, StoredEntry
from mam.lib.storages.errors import (
    ObjectMissingError,
    StorageError,
    StorageFullError,
    StorageMisconfiguredError,
    StorageOfflineError,
    StorageRefusedError,
    UploadCancelledError,
)

__all__ = [
    "ByteStore",
    "ObjectMissingError",
    "StorageError",
    "StorageFullError",
    "StorageMisconfiguredError",
    "StorageOfflineError",
    "StorageRefusedError",
    "StoredEntry",
    "UploadCancelledError",
]
