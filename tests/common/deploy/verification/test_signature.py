"""Only the owner of the key can have signed, and only this manifest."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from common import InputError
from common.deploy.verification.manifest import MANIFEST, SIGNATURE, write_manifest
from common.deploy.verification.signature import check_signature, sign


def write_keys(folder, key, encryption=None):
    folder.mkdir()
    form = (Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
    (folder / "private.pem").write_bytes(key.private_bytes(*form))
    (folder / "public.pem").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return folder


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return write_keys(tmp_path_factory.mktemp("keys") / "own", ed25519.Ed25519PrivateKey.generate())


@pytest.fixture
def signed(tmp_path, keys):
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "LICENSE").write_text("free")
    write_manifest(folder)
    sign(folder, keys / "private.pem")
    return folder


def test_what_the_key_signed_passes(signed, keys):
    check_signature(signed, keys / "public.pem")
    assert len((signed / SIGNATURE).read_bytes()) == 64


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here")
def test_openssl_accepts_the_signature_too(signed, keys):
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", keys / "public.pem", "-rawin"]
    command += ["-in", signed / MANIFEST, "-sigfile", signed / SIGNATURE]
    assert subprocess.run(command, capture_output=True).returncode == 0


def test_a_changed_manifest_is_refused(signed, keys):
    with (signed / MANIFEST).open("a") as file:
        file.write(" ")
    with pytest.raises(InputError, match="not made by"):
        check_signature(signed, keys / "public.pem")


def test_another_key_is_refused(signed, tmp_path):
    other = write_keys(tmp_path / "other", ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(InputError, match="not made by"):
        check_signature(signed, other / "public.pem")


def test_an_archive_without_signature_is_refused(signed, keys):
    (signed / SIGNATURE).unlink()
    with pytest.raises(InputError, match=r"manifest\.json\.sig: no such file"):
        check_signature(signed, keys / "public.pem")


@pytest.mark.parametrize("bad", ["missing", "text", "public", "another kind", "encrypted"])
def test_a_file_that_is_no_private_key_is_refused_in_one_line(bad, signed, keys, tmp_path):
    path = tmp_path / "key.pem"
    if bad == "text":
        path.write_text("secret")
    elif bad == "public":
        path = keys / "public.pem"
    elif bad == "another kind":
        path = write_keys(tmp_path / "rsa", ec.generate_private_key(ec.SECP256R1())) / "private.pem"
    elif bad == "encrypted":
        key = ed25519.Ed25519PrivateKey.generate()
        path = write_keys(tmp_path / "locked", key, BestAvailableEncryption(b"secret")) / "private.pem"
    with pytest.raises(InputError, match="expected a private Ed25519 key") as refused:
        sign(signed, path)
    assert "\n" not in str(refused.value)
    with pytest.raises(InputError, match="expected a public Ed25519 key"):
        check_signature(signed, keys / "private.pem" if bad == "public" else path)
