"""Signing and sealing of SMB2 messages with keys that the login made (MS-SMB2 3.1.4.1, 3.1.4.3)."""

from __future__ import annotations

import hmac
import itertools
import struct
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

SEALED = b"\xfdSMB"
TRANSFORM_BYTES = 52
SIGNATURE_AT = slice(48, 64)
_TRANSFORM = struct.Struct("<4s16s16sIHHQ")
_CANCEL = 12

# (message with an empty signature, message id, is_reply, command) -> 16 bytes
Signer = Callable[[bytes, int, bool, int], bytes]


class TamperedError(ValueError):
    """A message whose signature or seal does not fit: it is not from whom it should be."""


def hmac_signer(key: bytes) -> Signer:
    """SMB 2.0.2 and 2.1."""
    return lambda message, _number, _is_reply, _command: hmac.digest(key, message, "sha256")[:16]


def cmac_signer(key: bytes) -> Signer:
    """SMB 3.0 and later, the default."""

    def sign(message: bytes, _number: int, _is_reply: bool, _command: int) -> bytes:
        mac = CMAC(AES(key))
        mac.update(message)
        return mac.finalize()

    return sign


def gmac_signer(key: bytes) -> Signer:
    """SMB 3.1.1 where both sides know it."""
    cipher = AESGCM(key)

    def sign(message: bytes, number: int, is_reply: bool, command: int) -> bytes:
        nonce = struct.pack("<QI", number, is_reply | (command == _CANCEL) << 1)
        return cipher.encrypt(nonce, b"", message)

    return sign


@dataclass(frozen=True, slots=True)
class SealKeys:
    session_id: int
    ours: bytes
    theirs: bytes
    is_gcm: bool  # else CCM


class Sealer:
    """Encrypts what goes out and decrypts what comes in, for one session."""

    def __init__(self, keys: SealKeys) -> None:
        cipher = AESGCM if keys.is_gcm else AESCCM
        self._seal = cipher(keys.ours)
        self._open = cipher(keys.theirs)
        self._session_id = keys.session_id
        self._nonce_bytes = 12 if keys.is_gcm else 11
        self._numbers = itertools.count(1)  # a nonce must never come twice under one key

    def seal(self, message: bytes) -> bytes:
        nonce = next(self._numbers).to_bytes(self._nonce_bytes, "little")
        header = _TRANSFORM.pack(SEALED, b"", nonce, len(message), 0, 1, self._session_id)
        sealed = self._seal.encrypt(nonce, message, header[20:])
        return b"".join((header[:4], sealed[-16:], header[20:], sealed[:-16]))

    def open(self, frame: bytes) -> bytes:
        _magic, signature, nonce, _length, _reserved, _flags, _session = _TRANSFORM.unpack_from(frame)
        sealed = frame[TRANSFORM_BYTES:] + signature
        try:
            return self._open.decrypt(nonce[: self._nonce_bytes], sealed, frame[20:TRANSFORM_BYTES])
        except InvalidTag:
            raise TamperedError from None
