"""Addresses of sources."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mam.lib.sources import LocalUrl, SmbUrl, open_source, parse_url
from mam.lib.sources.url import InvalidSourceUrlError, UrlCredentialsError, UrlHostError, UrlPathError, UrlSchemeError, UrlShareError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("smb://nas/media", SmbUrl("nas", 445, "media")),
        ("SMB://nas.example:1445/media/", SmbUrl("nas.example", 1445, "media")),
        ("smb://10.0.0.7/media/WSOP/2024", SmbUrl("10.0.0.7", 445, "media", ("WSOP", "2024"))),
        ("smb://[fd00::7]:4455/media", SmbUrl("fd00::7", 4455, "media")),
        ("smb://nas/방송 자료/원본", SmbUrl("nas", 445, "방송 자료", ("원본",))),
        ("smb://nas/%EB%B0%A9%EC%86%A1/a%20b%25", SmbUrl("nas", 445, "방송", ("a b%",))),
        ("smb://nas/media/#1 old//x", SmbUrl("nas", 445, "media", ("#1 old", "x"))),
        (" smb://nas/media$ ", SmbUrl("nas", 445, "media$")),
        ("file:///mnt/nas/media", LocalUrl(Path("/mnt/nas/media"))),
        ("file:///mnt/%EB%B0%A9%EC%86%A1 1?", LocalUrl(Path("/mnt/방송 1?"))),
        ("file://localhost/mnt", LocalUrl(Path("/mnt"))),
        ("file:///", LocalUrl(Path("/"))),
        ("\\\\nas\\media\\방송 100%", SmbUrl("nas", 445, "media", ("방송 100%",))),
        ("/mnt/nas/100%25 @home", LocalUrl(Path("/mnt/nas/100%25 @home"))),
        ("file:///mnt/caf%E9", LocalUrl(Path(os.fsdecode(b"/mnt/caf\xe9")))),
    ],
)
def test_an_address_is_understood_and_comes_back_the_same(text: str, expected: SmbUrl | LocalUrl) -> None:
    assert parse_url(text) == expected
    assert parse_url(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", UrlSchemeError),
        ("nas/media", UrlSchemeError),
        ("\\\\nas", UrlShareError),
        ("\\\\mam:secret@nas\\media", UrlCredentialsError),
        ("/mnt/../etc", UrlPathError),
        ("nfs://nas/media", UrlSchemeError),
        ("smb:/nas/media", UrlSchemeError),
        ("smb:///media", UrlHostError),
        ("smb://nas:0/media", UrlHostError),
        ("smb://nas:65536/media", UrlHostError),
        ("smb://nas:port/media", UrlHostError),
        ("smb://fd00::7/media", UrlHostError),
        ("smb://nas", UrlShareError),
        ("smb://nas//", UrlShareError),
        ("smb://nas/media/../secret", UrlPathError),
        ("smb://nas/media/%2e%2e/secret", UrlPathError),
        ("smb://nas/media/a%2Fb", UrlPathError),
        ("smb://nas/media/a\\b", UrlPathError),
        ("smb://nas/media/file:stream", UrlPathError),
        ("smb://nas/media/%FF", UrlPathError),
        ("file://mnt/nas", UrlPathError),
        ("file:///mnt/../etc", UrlPathError),
        ("file:///mnt/%2e%2e/etc", UrlPathError),
        ("file:///mnt/%2Fetc", UrlPathError),
    ],
)
def test_a_wrong_address_is_refused_with_its_reason(text: str, error: type[InvalidSourceUrlError]) -> None:
    with pytest.raises(error) as caught:
        open_source(text)
    assert type(caught.value) is error
    assert caught.value.http_status == 400


@pytest.mark.parametrize("text", ["smb://mam:hunter2@nas/media", "smb://MAMTEST;mam:hunter2@nas/media", "smb://mam:hunt@er2@nas/media"])
def test_credentials_in_an_address_are_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UrlCredentialsError) as caught:
        parse_url(text)
    assert caught.value.params == {"url": "smb://nas/media"}
