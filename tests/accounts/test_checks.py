"""What `manage.py check` says of a deployment, and that the API describes itself without a gap."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command

from mam.accounts.checks import check_credentials_keys, check_secrets_file
from tests.factories import make_user

ROOT = Path(__file__).resolve().parents[2]


def manage(*arguments: str, data: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAM_")}
    environment |= {"DJANGO_SETTINGS_MODULE": "mam.settings", "MAM_DATA_DIR": str(data), **variables}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_a_deployment_behind_https_passes_every_check(tmp_path: Path) -> None:
    done = manage("check", "--deploy", "--fail-level", "WARNING", data=tmp_path, MAM_HTTPS="1")
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


def test_the_secrets_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    manage("check", data=tmp_path)
    assert (tmp_path / "secrets.env").stat().st_mode & 0o777 == 0o600


def test_secrets_others_can_read_are_an_error(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    assert check_secrets_file(None) == []
    path = tmp_path / "secrets.env"
    path.write_text("SECRET_KEY=x\n")
    path.chmod(0o640)
    assert [message.id for message in check_secrets_file(None)] == ["accounts.E001"]
    path.chmod(0o600)
    assert check_secrets_file(None) == []


@pytest.mark.parametrize(
    "key", ["", "short", "x" * 44, Fernet.generate_key().decode()[:-2]], ids=["empty", "short", "no base64", "cut off"]
)
def test_a_credentials_key_that_is_none_is_an_error(settings: Any, key: str) -> None:
    settings.CREDENTIALS_KEYS = [Fernet.generate_key().decode(), key]
    messages = check_credentials_keys(None)
    assert [message.id for message in messages] == ["accounts.E002"]
    assert "Key 2" in messages[0].msg
    assert key == "" or key not in messages[0].msg


def test_the_schema_is_complete_and_valid() -> None:
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    schema = out.getvalue()
    assert "/auth/login" in schema
    assert "Api-Key PREFIX.SECRET" in schema


@pytest.mark.django_db
def test_the_schema_is_for_members(client: Any) -> None:
    assert client.get("/api/schema").status_code == 401
    client.force_login(make_user("viewer"))
    response = client.get("/api/schema?format=json")
    assert response.status_code == 200
    assert response.json()["info"]["title"]
