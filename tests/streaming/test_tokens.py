"""Tokens open one version of one file, for one session, for a while; every other one is refused for the right reason."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from streaming import tokens
from streaming.errors import TokenExpiredError, TokenForeignError, TokenInvalidError

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from catalog.models import MediaFile

NOW_S = 1_800_000_000.0
SESSION = "k3y0fs0m3s3ss10n"


def file(pk: int = 7, fingerprint: str = "5f5e100-18c3b2f9d4c5e000-1") -> MediaFile:
    return cast("MediaFile", SimpleNamespace(pk=pk, fingerprint=fingerprint))


def token(of: MediaFile | None = None, *, session_key: str | None = SESSION, now_s: float = NOW_S) -> str:
    return tokens.issue(of or file(), session_key=session_key, now_s=now_s).text


def test_a_token_says_what_it_was_made_of() -> None:
    grant = tokens.verify(token(), SESSION, now_s=NOW_S)
    assert (grant.file_id, grant.version, grant.is_shared) == (7, tokens.version_of(file().fingerprint), False)


def test_it_is_a_word_of_a_path_and_tells_nothing_of_the_session() -> None:
    text = token()
    assert text.replace("-", "").replace("_", "").isalnum()
    assert SESSION.encode() not in base64.urlsafe_b64decode(text)


def test_it_lives_at_least_half_and_at_most_the_whole_of_its_time(settings: Settings) -> None:
    settings.MAM_STREAM_TOKEN_S, settings.MAM_STREAM_SHARE_S = 3600, 600
    for session_key, life_s in ((SESSION, 3600), (None, 600)):
        for second in range(0, 3600, 7):
            issued = tokens.issue(file(), session_key=session_key, now_s=NOW_S + second)
            assert life_s / 2 < issued.expires_s - (NOW_S + second) <= life_s


def test_it_is_the_same_for_a_while_so_that_caches_find_what_they_have() -> None:
    made = {token(now_s=NOW_S + second) for second in range(0, 1800, 60)}
    assert len(made) <= 2


def test_its_last_second_is_the_one_before_it_expires() -> None:
    issued = tokens.issue(file(), session_key=SESSION, now_s=NOW_S)
    tokens.verify(issued.text, SESSION, now_s=issued.expires_s - 0.001)
    with pytest.raises(TokenExpiredError):
        tokens.verify(issued.text, SESSION, now_s=issued.expires_s)


@pytest.mark.parametrize("key", ["", "another", SESSION.upper(), SESSION + " "])
def test_another_session_is_refused(key: str) -> None:
    with pytest.raises(TokenForeignError):
        tokens.verify(token(), key, now_s=NOW_S)


@pytest.mark.parametrize("key", ["", "another", SESSION])
def test_a_shared_one_opens_for_everybody(key: str) -> None:
    assert tokens.verify(token(session_key=None), key, now_s=NOW_S).is_shared


def test_every_changed_character_is_noticed() -> None:
    text = token()
    for place, char in enumerate(text):
        for other in "A_b9" if char not in "A_b9" else "Zy":
            with pytest.raises(TokenInvalidError):
                tokens.verify(text[:place] + other + text[place + 1 :], SESSION, now_s=NOW_S)


def test_a_shared_token_cannot_be_made_of_a_bound_one() -> None:
    data = bytearray(base64.urlsafe_b64decode(token()))
    data[0] = 2
    with pytest.raises(TokenInvalidError):
        tokens.verify(base64.urlsafe_b64encode(data).decode(), "", now_s=NOW_S)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "=" * 64,
        "A" * 64,
        "A" * 63,
        "A" * 65,
        "가" * 64,
        "../" * 21 + ".",
        "%00" * 21 + "%",
        "A" * 100_000,
        token() + "A",
        token()[:-1],
    ],
    ids=range(12),
)
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(TokenInvalidError):
        tokens.verify(text, SESSION, now_s=NOW_S)


def test_another_installation_makes_other_tokens(settings: Settings) -> None:
    text = token()
    settings.SECRET_KEY = "another secret of the same length as ours might be"
    with pytest.raises(TokenInvalidError):
        tokens.verify(text, SESSION, now_s=NOW_S)


def test_a_changed_file_and_another_file_have_other_tokens() -> None:
    assert len({token(), token(file(fingerprint="5f5e100-18c3b2f9d4c5e000-2")), token(file(pk=8))}) == 3
