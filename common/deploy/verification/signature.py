"""Proof of an archive's origin: an Ed25519 signature of its manifest with a key of the hospital or the vendor.

The keys are PEM files, created by ``openssl genpkey -algorithm ed25519 -out private.pem`` and
``openssl pkey -in private.pem -pubout -out public.pem``. The signature is the algorithm's 64 bytes (RFC 8032), which
OpenSSL can verify too.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError, one_line
from ...files import write_atomically
from .manifest import MANIFEST, REMEDY, SIGNATURE

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = ["check_signature", "read_private_key", "sign"]


def sign(folder: str | Path, private_key_file: str | Path) -> Path:
    """Write ``manifest.json.sig``, the signature of ``manifest.json``'s bytes.

    Args:
        folder: folder of an archive, with its manifest.
        private_key_file: PEM file without a password.

    Returns:
        The signature's path.

    Raises:
        InputError: the file is no private Ed25519 key.
    """
    key = read_private_key(private_key_file)
    return write_atomically(Path(folder) / SIGNATURE, key.sign((Path(folder) / MANIFEST).read_bytes()))


def check_signature(folder: str | Path, public_key_file: str | Path) -> None:
    """Check that the manifest, which has the hashes of all files, was signed with a key.

    Args:
        folder: folder of an archive.
        public_key_file: PEM file of the public key.

    Raises:
        InputError: the archive is not signed, or not with that key, or the file is no public Ed25519 key.
    """
    key = _read_public_key(public_key_file)
    try:
        signature, content = ((Path(folder) / name).read_bytes() for name in (SIGNATURE, MANIFEST))
    except FileNotFoundError as error:
        name = Path(error.filename).name
        raise InputError(f"{name}: no such file; expected an archive signed by {public_key_file}; {REMEDY}") from error
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, content)
    except InvalidSignature as error:
        raise InputError(f"{SIGNATURE}: not made by {public_key_file} of this {MANIFEST}; {REMEDY}") from error


def read_private_key(path: str | Path) -> Ed25519PrivateKey:
    """Read the private key of a PEM file.

    Raises:
        InputError: the file is no private Ed25519 key, or is encrypted.
    """
    ed25519, serialization = _cryptography()
    key = _read_key(path, "private", lambda content: serialization.load_pem_private_key(content, password=None))
    return _of_kind(path, key, ed25519.Ed25519PrivateKey, "private")


def _read_public_key(path: str | Path) -> Ed25519PublicKey:
    ed25519, serialization = _cryptography()
    key = _read_key(path, "public", serialization.load_pem_public_key)
    return _of_kind(path, key, ed25519.Ed25519PublicKey, "public")


def _read_key(path: str | Path, kind: str, load: Any) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return load(Path(path).read_bytes())
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: a password is needed
        expected = f"expected a {kind} Ed25519 key as PEM without password"
        raise InputError(f"{path}: {one_line(error)}; {expected}; name one") from error


def _of_kind(path: str | Path, key: Any, expected: type, kind: str) -> Any:
    if not isinstance(key, expected):
        raise InputError(f"{path}: {type(key).__name__}; expected a {kind} Ed25519 key as PEM; name one")
    return key


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise InputError(
            f"signatures: {error}; expected cryptography; run: pip install 'clinical-ssl-bundles[deploy]'"
        ) from error
    return ed25519, serialization
