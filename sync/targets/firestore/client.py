"""Opens Google's Firestore with a service account."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from google.api_core.retry import Retry, if_exception_type
from google.cloud import firestore
from google.oauth2 import service_account

from sync.errors import TargetAccessError

Connect = Callable[[], firestore.Client]

DEFAULT_DATABASE = "(default)"
TIMEOUT_S = 60.0  # of a page of documents, or a commit
NEVER_AGAIN = Retry(predicate=if_exception_type())  # whoever asked tries again, and asks first what is there


def connector(*, project: str, database: str, credentials: str) -> Connect:
    """Opens the database. `credentials`: a service account's key file (JSON); `project`: "" for the account's. TargetAccessError."""
    try:
        account: dict[str, Any] = json.loads(credentials)
        signer = service_account.Credentials.from_service_account_info(account)  # type: ignore[no-untyped-call]
    except (ValueError, TypeError, AttributeError) as error:
        raise TargetAccessError(target=project or database) from error

    def connect() -> firestore.Client:
        return firestore.Client(project=project or signer.project_id, credentials=signer, database=database or DEFAULT_DATABASE)

    return connect
