"""Signatures over what serving may load: folders of exported models, and small documents.

A folder and a key come in; verified bytes by file name come out, each file read once, or Damaged
with the file's name. Signing needs the private half, verifying only the public one. It knows
nothing of what the files mean, and parses nothing before its signature holds.

    keys/signing.key   Ed25519 private key, PEM, for its owner alone
    keys/signing.pub   its public half: all that a serving machine needs
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from finmodel.durable import make_file_once, replace_file
from finmodel.errors import BadInput, Damaged, NotFound, NotReady, Refused

SIGNATURE: Final = "SIGNATURE.json"
FORMAT: Final = 1
LARGEST_FILE: Final = 1 << 30
_LARGEST_SIGNATURE: Final = 1 << 20
_ASIDE: Final = f".{SIGNATURE}.aside"
_PRIVATE, _PUBLIC = "signing.key", "signing.pub"


class SignedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the signature says of one file."""

    sha256: str
    size: int


class _Listing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    files: dict[str, SignedFile]


class _Format(msgspec.Struct, frozen=True):
    format: int


class _Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key_id: str
    signature: str
    signed: str
    """The listing as JSON text: these very bytes are what is signed."""


def ensure_key(folder: Path) -> None:
    """Make an Ed25519 pair once; where there is one, leave it.

    Refused where the private half may be read by others, or only the public half is here.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    private, public = folder / _PRIVATE, folder / _PUBLIC
    if public.exists() and not private.exists():
        raise Refused(
            "only the public half of the key is here",
            where=str(folder),
            remedy="sign where the private half is, or give another folder",
        )
    make_file_once(private, _private_pem(Ed25519PrivateKey.generate()), 0o600)
    make_file_once(public, _public_pem(_private_key(folder).public_key()), 0o644)
    check_pair(folder)


def check_pair(folder: Path) -> tuple[str, bool]:
    """The key's name, and whether its private half is here too. Writes nothing.

    NotReady where the public half is missing, Refused where the private one may be read by others,
    Damaged where either is none or they do not match.
    """
    name, signs = key_id(folder), (folder / _PRIVATE).exists()
    if signs and _id_of(_private_key(folder).public_key()) != name:
        raise Damaged("its two halves do not match", where=str(folder), remedy="restore the key")
    return name, signs


def key_id(keys: Path) -> str:
    """The public key's name: the first 16 hex digits of its SHA-256."""
    return _id_of(_public_key(keys))


def sign_folder(folder: Path, keys: Path) -> None:
    """Write SIGNATURE.json over the digest and size of each file in the folder.

    BadInput where something other than a plain file lies there.
    """
    files = {}
    with _opened(folder) as place:
        for name in sorted(set(os.listdir(place)) - {SIGNATURE, _ASIDE}):
            if not stat.S_ISREG(os.lstat(name, dir_fd=place).st_mode):
                raise BadInput(
                    "only plain files can be signed",
                    where=f"{folder.name}/{name}",
                    remedy="take it out of the folder",
                )
            data = _read_plain(folder, place, name, LARGEST_FILE)
            files[name] = SignedFile(sha256(data).hexdigest(), len(data))
    listing = msgspec.json.encode(_Listing(FORMAT, files))
    key = _private_key(keys)
    signature = key.sign(_message("folder", listing)).hex()
    document = _Signature(_id_of(key.public_key()), signature, listing.decode())
    replace_file(folder / SIGNATURE, _bytes_of(document), 0o644)


def verify_folder(
    folder: Path, keys: Path, allowed: frozenset[str], *, largest: int = LARGEST_FILE
) -> dict[str, bytes]:
    """The verified bytes of each signed file, by name.

    Damaged, naming the file, where one is missing, changed, added, renamed, a link, larger than
    `largest` bytes or not among the `allowed` names; where the signature is not by this key; or
    where it is in another format.
    """
    with _opened(folder) as place:
        signed = _listing(folder, place, keys).files
        there = set(os.listdir(place)) - {SIGNATURE}
        for name in sorted(there ^ set(signed)):
            what = "it is missing" if name in signed else "it was not signed"
            raise _damaged(folder, name, what)
        for name in sorted(set(signed) - allowed):
            raise _damaged(folder, name, "a file of this name may not be loaded")
        return {
            name: _verified(folder, place, name, told, largest) for name, told in signed.items()
        }


def sign_bytes(data: bytes, keys: Path, *, context: str = "document") -> bytes:
    """The signature of a small document, valid for this context only (such as 'champion')."""
    return _private_key(keys).sign(_message(f"bytes:{context}", data))


def verify_bytes(data: bytes, signature: bytes, keys: Path, *, context: str = "document") -> None:
    """Damaged where the signature is not this key's over these bytes in this context."""
    try:
        _public_key(keys).verify(signature, _message(f"bytes:{context}", data))
    except InvalidSignature as error:
        raise Damaged(
            "the signature does not hold",
            where=f"signed {context}",
            remedy="do not use it; find who changed it",
        ) from error


def _message(context: str, data: bytes) -> bytes:
    """What is signed: the context comes first, so that no signature serves two purposes."""
    if "\0" in context:
        raise BadInput("a context holds no zero byte", where="signature", remedy="rename it")
    return b"finmodel signature 1\0" + context.encode() + b"\0" + data


def _bytes_of(document: _Signature) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document))


def _listing(folder: Path, place: int, keys: Path) -> _Listing:
    data = _read_plain(folder, place, SIGNATURE, _LARGEST_SIGNATURE)
    public = _public_key(keys)
    try:
        document = msgspec.json.decode(data, type=_Signature)
        if data != _bytes_of(document):
            raise _damaged(folder, SIGNATURE, "it is not as it was written")
        if document.key_id != _id_of(public):
            raise _damaged(folder, SIGNATURE, f"it is by another key, {document.key_id[:16]!r}")
        signed, signature = document.signed.encode(), bytes.fromhex(document.signature)
        if signature.hex() != document.signature:
            raise _damaged(folder, SIGNATURE, "it is not as it was written")
        public.verify(signature, _message("folder", signed))
        if msgspec.json.decode(signed, type=_Format).format != FORMAT:
            raise _damaged(folder, SIGNATURE, f"its format is not {FORMAT}")
        return msgspec.json.decode(signed, type=_Listing)
    except InvalidSignature as error:
        raise _damaged(folder, SIGNATURE, "the signature does not hold") from error
    except ValueError as error:
        raise _damaged(folder, SIGNATURE, "it is not a signature") from error


def _verified(folder: Path, place: int, name: str, told: SignedFile, largest: int) -> bytes:
    if told.size > largest:
        raise _damaged(folder, name, f"it is larger than {largest} bytes")
    data = _read_plain(folder, place, name, told.size)
    if len(data) != told.size or sha256(data).hexdigest() != told.sha256:
        raise _damaged(folder, name, "it was changed after it was signed")
    return data


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """The folder itself, held open: a link in its place, or a swap meanwhile, leads nowhere."""
    try:
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError as error:
        raise NotFound(
            "there is no such folder", where=str(folder), remedy="name one that exists"
        ) from error
    except OSError as error:
        raise _damaged(folder, "", "it is not a folder") from error
    try:
        yield place
    finally:
        os.close(place)


def _read_plain(folder: Path, place: int, name: str, largest: int) -> bytes:
    """A plain file's bytes, read once through one descriptor; Damaged for anything else."""
    try:
        # A pipe must not make us wait, nor a link lead us elsewhere.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        file = os.open(name, flags, dir_fd=place)
    except OSError as error:
        what = "it is missing" if isinstance(error, FileNotFoundError) else "it is not a plain file"
        raise _damaged(folder, name, what) from error
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise _damaged(folder, name, "it is not a plain file")
        if status.st_size > largest:
            raise _damaged(folder, name, "it is larger than it may be")
        with os.fdopen(file, "rb", closefd=False) as stream:
            return stream.read(largest + 1)
    finally:
        os.close(file)


def _damaged(folder: Path, name: str, what: str) -> Damaged:
    return Damaged(what, where=f"{folder.name}/{name}", remedy="export and sign it again")


def _private_key(keys: Path) -> Ed25519PrivateKey:
    path = keys / _PRIVATE
    pem = _read_key(path)
    if path.stat().st_mode & 0o077:
        raise Refused(
            "others may read the private key", where=str(path), remedy=f"chmod 600 {path.name}"
        )
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key(path) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(path)
    return key


def _public_key(keys: Path) -> Ed25519PublicKey:
    path = keys / _PUBLIC
    try:
        key = serialization.load_pem_public_key(_read_key(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key(path) from error
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(path)
    return key


def _read_key(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise NotReady(
            "there is no key", where=str(path), remedy="make one, or copy it here"
        ) from error


def _no_key(path: Path) -> Damaged:
    return Damaged("it is not an Ed25519 key", where=str(path), remedy="restore the key")


def _id_of(key: Ed25519PublicKey) -> str:
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return sha256(raw).hexdigest()[:16]


def _private_pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _public_pem(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
