from __future__ import annotations

import shutil
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from common import InputError
from common.command_line import run_commands
from common.deploy.verification.archive import write_archive
from common.deploy.verification.manifest import write_manifest
from common.deploy.verification.signature import sign
from scripts import verify


@pytest.fixture
def key(tmp_path):
    """Path of a new public key; the private one is beside it."""
    key = ed25519.Ed25519PrivateKey.generate()
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "private.pem").write_bytes(key.private_bytes(*form))
    path = tmp_path / "public.pem"
    path.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


@pytest.fixture
def folder(tmp_path):
    """An archive's folder, with its manifest."""
    folder = tmp_path / "archive"
    (folder / "configs").mkdir(parents=True)
    (folder / "LICENSE").write_text("free")
    (folder / "configs/inference.json").write_text("{}")
    write_manifest(folder)
    return folder


@pytest.mark.parametrize("packed", [True, False])
def test_a_whole_archive_passes_as_zip_and_as_folder(packed, folder, tmp_path, capsys):
    run_commands(verify.verify, [str(write_archive(folder, tmp_path / "a.zip") if packed else folder), "--scan"])
    assert capsys.readouterr().out == "manifest: 2 files, all as listed\nscan: no code\n"


def test_a_signed_archive_passes_with_its_key_and_says_that_there_is_one_without(folder, key, tmp_path, capsys):
    sign(folder, key.with_name("private.pem"))
    archive = str(write_archive(folder, tmp_path / "a.zip"))
    run_commands(verify.verify, [archive, "--key", str(key)])
    assert capsys.readouterr().out.startswith(f"signature: made by {key}\nmanifest: 2 files")
    run_commands(verify.verify, [archive])
    assert capsys.readouterr().out.startswith("signature: present, not checked; set --key to check it\n")


def test_the_release_is_reported_because_a_signature_shows_who_but_not_which(folder, capsys):
    (folder / "configs/metadata.json").write_text('{"name": "Tumours\\u001b[2J", "version": "0.1.0"}')
    write_manifest(folder)
    run_commands(verify.verify, [str(folder)])
    assert capsys.readouterr().out.endswith("release: 'Tumours\\x1b[2J', version '0.1.0'\n")


def test_an_old_signed_archive_does_not_pass_as_the_required_release(folder, key):
    (folder / "docs").mkdir()
    (folder / "docs/provenance.json").write_text('{"bundle": "liver_cgc", "version": "0.1.0"}')
    write_manifest(folder)
    sign(folder, key.with_name("private.pem"))
    run_commands(verify.verify, [str(folder), "--key", str(key), "--require", "liver_cgc==0.1.0"])
    with pytest.raises(InputError, match=r"liver_cgc 0\.1\.0; expected liver_cgc>=0\.2"):
        run_commands(verify.verify, [str(folder), "--key", str(key), "--require", "liver_cgc>=0.2"])


def test_an_unsigned_archive_is_refused_where_a_key_is_given(folder, key):
    with pytest.raises(InputError, match=r"manifest\.json\.sig: no such file"):
        run_commands(verify.verify, [str(folder), "--key", str(key)])


def test_someone_who_changes_a_file_and_writes_a_new_manifest_is_found_by_the_signature(folder, key, capsys):
    sign(folder, key.with_name("private.pem"))
    (folder / "LICENSE").write_text("not free")
    write_manifest(folder)
    with pytest.raises(InputError, match="not made by"):
        run_commands(verify.verify, [str(folder), "--key", str(key)])
    assert not capsys.readouterr().out


def test_the_first_file_that_differs_is_named_in_one_line(folder, tmp_path, monkeypatch, capsys):
    (folder / "LICENSE").write_text("not free")
    archive = write_archive(folder, tmp_path / "a.zip")
    with pytest.raises(InputError, match=r"^LICENSE: 8 bytes; expected 4") as refused:
        run_commands(verify.verify, [str(archive)])
    assert "\n" not in str(refused.value)


def test_code_is_refused_where_none_may_be(folder):
    (folder / "run.py").write_text("")
    write_manifest(folder)
    run_commands(verify.verify, [str(folder)])
    with pytest.raises(InputError, match=r"refused, as it may run code: 1 problem\n  run\.py: "):
        run_commands(verify.verify, [str(folder), "--scan"])


def test_the_zoos_checks_are_reported_one_by_one_and_a_failed_one_ends_with_an_error(folder, monkeypatch, capsys):
    monkeypatch.setattr(
        "common.deploy.consumers.zoo_checks.check_zoo", lambda *_: [("structure", None), ("train", "no GPU")]
    )
    with pytest.raises(InputError, match="failed the zoo checks train"):
        run_commands(verify.verify, [str(folder), "--zoo", "offline"])
    assert capsys.readouterr().out.endswith("zoo: structure: passed\nzoo: train: no GPU\n")


def test_the_scripts_of_a_checkout_run_after_our_own_checks_without_those_that_they_repeat(folder, monkeypatch, capsys):
    asked, pythons = [], []
    zoo = "common.deploy.consumers.zoo_"

    def check_zoo(_, checks, python):
        asked.extend(checks)
        pythons.append(python)
        return [("train", None)]

    def check_with_zoo(_, checkout, python):
        pythons.append(python)
        return [(f"{checkout} verify_bundle", None)]

    monkeypatch.setattr(f"{zoo}checks.check_zoo", check_zoo)
    monkeypatch.setattr(f"{zoo}scripts.check_with_zoo", check_with_zoo)
    run_commands(verify.verify, [str(folder), "--zoo", "model-zoo"])
    assert asked == ["train", "evaluate", "inference", "processes"] and pythons == [sys.executable] * 2
    assert capsys.readouterr().out.endswith("zoo: train: passed\nzoo: model-zoo verify_bundle: passed\n")
    run_commands(verify.verify, [str(folder), "--zoo", "model-zoo", "--python", "sh"])
    assert pythons[2:] == [shutil.which("sh")] * 2
    with pytest.raises(InputError, match=r"^python: found no program python0; expected the interpreter"):
        run_commands(verify.verify, [str(folder), "--zoo", "model-zoo", "--python", "python0"])
