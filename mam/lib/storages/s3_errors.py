"""What botocore raises, as errors of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError, NoCredentialsError
from botocore.exceptions import ConnectionError as UnreachableError

from mam.lib.storages.errors import (
    ObjectMissingError,
    StorageError,
    StorageFullError,
    StorageMisconfiguredError,
    StorageOfflineError,
    StorageRefusedError,
)

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError

# Amazon S3 API reference, "Error responses"; the numbers stand where the answer to a HEAD has no body.
_MISSING = {"NoSuchKey", "NoSuchUpload", "404"}
_REFUSED = {
    "401",
    "403",
    "AccessDenied",
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
}
_BUSY = {"InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown", "ThrottlingException", "429"}
_FULL = {"InsufficientStorage", "QuotaExceeded", "EntityTooLarge", "XMinioStorageFull", "507"}
# Endpoint unreachable, time-outs, connections that break in the middle of a body.
_BROKEN = (UnreachableError, HTTPClientError, IncompleteReadError)


def translate(error: ClientError | BotoCoreError, *, name: str, bucket: str) -> StorageError:
    """The error of ours that tells a reader what to do."""
    if isinstance(error, NoCredentialsError):
        return StorageRefusedError(reason="NoCredentials")
    if isinstance(error, _BROKEN):
        return StorageOfflineError(reason=type(error).__name__)
    if not isinstance(error, ClientError):
        return StorageError(reason=type(error).__name__)
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code == "NoSuchBucket":
        return StorageMisconfiguredError(bucket=bucket)
    if code in _FULL:
        return StorageFullError()
    if code in _BUSY or status >= 500:
        return StorageOfflineError(reason=code)
    if code in _REFUSED:
        return StorageRefusedError(reason=code)
    return ObjectMissingError(name=name) if code in _MISSING else StorageError(reason=code)
