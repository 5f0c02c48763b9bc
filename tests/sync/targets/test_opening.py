"""A row of `Target` becomes an open target."""

from __future__ import annotations

import pytest
from django.conf import settings

from mam.lib import secrets
from sync.choices import Adapter
from sync.errors import TargetAccessError, TargetKeyLostError
from sync.models import Target
from sync.targets.database import DatabaseTarget
from sync.targets.opening import open_target
from tests.sync.targets.test_firestore import key_file

pytestmark = pytest.mark.django_db


def make(**changes: object) -> Target:
    return Target.objects.create(name="OTT", **changes)


def test_a_database_is_the_one_of_the_settings() -> None:
    with open_target(make()) as target:
        assert isinstance(target, DatabaseTarget)
        assert "pokervod.db" in target.info().name


def test_a_firestore_is_opened_with_its_decrypted_key() -> None:
    from sync.targets.firestore.target import FirestoreTarget  # noqa: PLC0415  (a second and 60 MB that few tests need)

    sealed = secrets.encrypt(key_file(), settings.CREDENTIALS_KEYS)
    with open_target(make(adapter=Adapter.FIRESTORE, credentials=sealed, options={"project": "demo"})) as target:
        assert isinstance(target, FirestoreTarget)
        assert target.info().location == "demo/(default)"


def test_credentials_that_cannot_be_decrypted_are_told() -> None:
    with pytest.raises(TargetKeyLostError), open_target(make(adapter=Adapter.FIRESTORE, credentials="gone")):
        pass


def test_credentials_that_are_missing_are_told() -> None:
    with pytest.raises(TargetAccessError), open_target(make(adapter=Adapter.FIRESTORE)):
        pass
