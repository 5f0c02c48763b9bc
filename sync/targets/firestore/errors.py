"""What Google's libraries raise, as errors of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError, TransportError

from sync.errors import (
    TargetAccessError,
    TargetBusyError,
    TargetError,
    TargetNotDatabaseError,
    TargetRefusedError,
    TargetTableError,
    TargetUnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_DETAIL_MAX = 300
# The first that fits; cloud.google.com/apis/design/errors. A quota that is used up, too, is a target that answers later.
_KINDS: Mapping[type[Exception], type[TargetError]] = {
    exceptions.Unauthenticated: TargetAccessError,
    exceptions.Forbidden: TargetAccessError,
    exceptions.Aborted: TargetBusyError,  # documents that others write at this moment
    exceptions.NotFound: TargetNotDatabaseError,  # there is no such database
    exceptions.FailedPrecondition: TargetTableError,  # a database of another kind (Datastore mode)
    exceptions.InvalidArgument: TargetRefusedError,
    exceptions.OutOfRange: TargetRefusedError,
    exceptions.AlreadyExists: TargetRefusedError,
    TransportError: TargetUnreachableError,
    GoogleAuthError: TargetAccessError,
}


def translated(error: exceptions.GoogleAPIError | GoogleAuthError, *, target: str) -> TargetError:
    """The error of ours that tells a reader what to do."""
    detail = " ".join(str(getattr(error, "message", None) or error).split())[:_DETAIL_MAX]
    if "invalid_grant" in detail or "invalid_client" in detail:  # a key that Google refuses comes as an answer that did not come
        return TargetAccessError(target=target)
    kind = next((ours for theirs, ours in _KINDS.items() if isinstance(error, theirs)), TargetUnreachableError)
    return kind(target=target, detail=detail)
