"""What can go wrong with a source, in the product's words, and how servers and kernels say it.

Classification looks at numbers only (NTSTATUS, errno): the texts of the libraries are useless for it (FACTS, SMB 6).
`target` in the parameters is the address of the thing, without credentials. `detail` is the number, for staff.
"""

from __future__ import annotations

import errno
import socket

from mam.lib.errors import MamError, gettext_noop


class SourceError(MamError):
    """Base of every error of a source."""

    code = "source_error"
    template = gettext_noop("The source could not do this: %(target)s (%(detail)s)")
    http_status = 502


class AuthFailedError(SourceError):
    """Never retried: a second attempt with the same password brings an account closer to its lockout."""

    code = "source_auth_failed"
    template = gettext_noop("The server refused the user name or the password: %(target)s")


class ShareMissingError(SourceError):
    """The share, or the folder the source starts at, is not there."""

    code = "source_share_missing"
    template = gettext_noop("There is no such share or folder: %(target)s")


class NotFoundError(SourceError):
    code = "source_not_found"
    template = gettext_noop("The file or folder does not exist: %(target)s")
    http_status = 404


class AccessDeniedError(SourceError):
    code = "source_access_denied"
    template = gettext_noop("The source's account may not read or change this: %(target)s")


class ConflictError(SourceError):
    code = "source_conflict"
    template = gettext_noop("Something with this name exists already: %(target)s")
    http_status = 409


class ClosedError(SourceError):
    """The source was closed while it was in use; who opens it anew goes on."""

    code = "source_closed"
    template = gettext_noop("The settings of this source changed while it was in use.")
    http_status = 503
    is_permanent = False


class ChangedError(SourceError):
    """An open file was replaced or changed under its reader: bytes of two versions would be mixed."""

    code = "source_file_changed"
    template = gettext_noop("The file changed while it was read: %(target)s")
    http_status = 409
    is_permanent = False


class UnsupportedError(SourceError):
    code = "source_unsupported"
    template = gettext_noop("The server or the file system does not support this: %(target)s (%(detail)s)")


class NoSpaceError(SourceError):
    code = "source_no_space"
    template = gettext_noop("There is no space left: %(target)s")
    http_status = 507
    is_permanent = False


class TransientError(SourceError):
    """The connection broke, timed out, or the server is busy: the same call may succeed a moment later."""

    code = "source_transient"
    template = gettext_noop("The source does not answer properly at the moment: %(target)s (%(detail)s)")
    http_status = 503
    is_permanent = False


class TooManyOpenError(SourceError):
    """All files that may be open on the source at once are; the others are busy reading."""

    code = "source_too_many_open"
    template = gettext_noop("%(limit)s files are open on the source, and no more are allowed at once: %(target)s")
    http_status = 503
    is_permanent = False


class SuspectListingError(SourceError):
    """A directory listing that cannot be complete. Whoever believed it would take files for deleted."""

    code = "source_suspect_listing"
    template = gettext_noop("The server sent an incomplete folder listing: %(target)s")
    http_status = 503
    is_permanent = False


class PathOutsideRootError(SourceError):
    code = "source_path_outside_root"
    template = gettext_noop("This path does not lie inside the source: %(target)s")
    http_status = 400


_NTSTATUS: dict[int, type[SourceError]] = {
    # MS-ERREF 2.3.1. Logon.
    0xC000006D: AuthFailedError,  # LOGON_FAILURE
    0xC0000064: AuthFailedError,  # NO_SUCH_USER
    0xC000006A: AuthFailedError,  # WRONG_PASSWORD
    0xC000006E: AuthFailedError,  # ACCOUNT_RESTRICTION
    0xC000006F: AuthFailedError,  # INVALID_LOGON_HOURS
    0xC0000070: AuthFailedError,  # INVALID_WORKSTATION
    0xC0000071: AuthFailedError,  # PASSWORD_EXPIRED
    0xC0000072: AuthFailedError,  # ACCOUNT_DISABLED
    0xC000015B: AuthFailedError,  # LOGON_TYPE_NOT_GRANTED
    0xC000018C: AuthFailedError,  # TRUSTED_DOMAIN_FAILURE
    0xC000018D: AuthFailedError,  # TRUSTED_RELATIONSHIP_FAILURE
    0xC0000193: AuthFailedError,  # ACCOUNT_EXPIRED
    0xC0000224: AuthFailedError,  # PASSWORD_MUST_CHANGE
    0xC0000234: AuthFailedError,  # ACCOUNT_LOCKED_OUT
    # Share, names.
    0xC00000CC: ShareMissingError,  # BAD_NETWORK_NAME
    0xC00000CB: ShareMissingError,  # BAD_DEVICE_TYPE: a printer, not a disk
    0xC000000F: NotFoundError,  # NO_SUCH_FILE
    0xC0000034: NotFoundError,  # OBJECT_NAME_NOT_FOUND
    0xC000003A: NotFoundError,  # OBJECT_PATH_NOT_FOUND
    0xC0000039: NotFoundError,  # OBJECT_PATH_INVALID
    0xC0000033: NotFoundError,  # OBJECT_NAME_INVALID
    0xC00000BA: NotFoundError,  # FILE_IS_A_DIRECTORY: there is no such file
    0xC0000103: NotFoundError,  # NOT_A_DIRECTORY: there is no such folder
    0xC0000056: NotFoundError,  # DELETE_PENDING
    0xC0000123: NotFoundError,  # FILE_DELETED
    0x8000002D: NotFoundError,  # STOPPED_ON_SYMLINK: links are not part of the source
    # Rights.
    0xC0000022: AccessDeniedError,  # ACCESS_DENIED
    0xC0000061: AccessDeniedError,  # PRIVILEGE_NOT_HELD
    0xC00000A2: AccessDeniedError,  # MEDIA_WRITE_PROTECTED
    0xC0000121: AccessDeniedError,  # CANNOT_DELETE
    # Writing.
    0xC0000035: ConflictError,  # OBJECT_NAME_COLLISION
    0xC0000101: ConflictError,  # DIRECTORY_NOT_EMPTY
    0xC000007F: NoSpaceError,  # DISK_FULL
    0xC0000044: NoSpaceError,  # QUOTA_EXCEEDED
    0xC0000904: NoSpaceError,  # FILE_TOO_LARGE
    # Server state; a sharing violation ends when the other program closes the file.
    0xC0000043: TransientError,  # SHARING_VIOLATION
    0xC0000054: TransientError,  # FILE_LOCK_CONFLICT
    0xC00000B5: TransientError,  # IO_TIMEOUT
    0xC000009A: TransientError,  # INSUFFICIENT_RESOURCES
    0xC0000017: TransientError,  # NO_MEMORY
    0xC00000BF: TransientError,  # NETWORK_BUSY
    0xC00000C9: TransientError,  # NETWORK_NAME_DELETED: the share was taken away under us
    0xC00000CA: TransientError,  # NETWORK_ACCESS_DENIED while the server restarts
    0xC00000D0: TransientError,  # REQUEST_NOT_ACCEPTED
    0xC0000120: TransientError,  # CANCELLED
    0xC0000128: TransientError,  # FILE_CLOSED: the handle went with its session
    0xC0000185: TransientError,  # IO_DEVICE_ERROR
    0xC0000203: TransientError,  # USER_SESSION_DELETED
    0xC000020C: TransientError,  # CONNECTION_DISCONNECTED
    0xC000020D: TransientError,  # CONNECTION_RESET
    0xC0000240: TransientError,  # REQUEST_ABORTED
    0xC000035C: TransientError,  # NETWORK_SESSION_EXPIRED
    0xC0000466: TransientError,  # SERVER_UNAVAILABLE
    0xC0000467: TransientError,  # FILE_NOT_AVAILABLE
    # What the server cannot do.
    0xC0000002: UnsupportedError,  # NOT_IMPLEMENTED
    0xC0000010: UnsupportedError,  # INVALID_DEVICE_REQUEST
    0xC00000BB: UnsupportedError,  # NOT_SUPPORTED
    0xC00000D4: UnsupportedError,  # NOT_SAME_DEVICE
    0xC0000106: UnsupportedError,  # NAME_TOO_LONG
}

_ERRNO: dict[int, type[SourceError]] = {
    errno.ENOENT: NotFoundError,
    errno.ENOTDIR: NotFoundError,
    errno.EISDIR: NotFoundError,
    errno.ELOOP: NotFoundError,  # O_NOFOLLOW met a link: links are not part of the source
    errno.EACCES: AccessDeniedError,
    errno.EPERM: AccessDeniedError,
    errno.EROFS: AccessDeniedError,
    errno.EEXIST: ConflictError,
    errno.ENOTEMPTY: ConflictError,
    errno.ENOSPC: NoSpaceError,
    errno.EDQUOT: NoSpaceError,
    errno.EFBIG: NoSpaceError,
    errno.EXDEV: UnsupportedError,
    errno.ENAMETOOLONG: UnsupportedError,
    errno.EINVAL: UnsupportedError,
    errno.EILSEQ: UnsupportedError,
    errno.EOPNOTSUPP: UnsupportedError,
    errno.ENOSYS: UnsupportedError,
    # Network file systems and busy machines.
    errno.EIO: TransientError,
    errno.ESTALE: TransientError,
    errno.ETIMEDOUT: TransientError,
    errno.EHOSTDOWN: TransientError,
    errno.EHOSTUNREACH: TransientError,
    errno.ENETUNREACH: TransientError,
    errno.ENETDOWN: TransientError,
    errno.ENOTCONN: TransientError,
    errno.ECONNREFUSED: TransientError,
    errno.ECONNRESET: TransientError,
    errno.ECONNABORTED: TransientError,
    errno.EPIPE: TransientError,
    errno.EAGAIN: TransientError,
    errno.EBUSY: TransientError,
    errno.EMFILE: TransientError,
    errno.ENFILE: TransientError,
    errno.ENOMEM: TransientError,
}


def from_ntstatus(status: int, target: str) -> SourceError:
    """The error for an NTSTATUS other than success; unknown ones are a plain SourceError with the number."""
    return _NTSTATUS.get(status, SourceError)(target=target, detail=f"NTSTATUS 0x{status:08X}")


def from_os_error(error: OSError, target: str) -> SourceError:
    """The error for a failed system call. Timeouts, and host names that cannot be resolved just now, are transient."""
    if error.errno is None or isinstance(error, socket.gaierror):
        return TransientError(target=target, detail=error.strerror or type(error).__name__)
    return _ERRNO.get(error.errno, SourceError)(target=target, detail=errno.errorcode.get(error.errno, str(error.errno)))
