from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from common import InputError
from common.locks import FolderLock, locked

HOLD = """
import sys, time
from common.locks import FolderLock
FolderLock(sys.argv[1]).acquire()
print("locked", flush=True)
time.sleep(60)
"""


def test_a_second_process_is_refused_in_one_line_until_the_first_is_killed(tmp_path, project):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, cwd=project, text=True
    ) as first:
        assert first.stdout.readline() == "locked\n"
        with pytest.raises(InputError, match="another run writes there at present; wait") as caught:
            FolderLock(tmp_path).acquire()
        assert "\n" not in str(caught.value)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    with locked(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="not writable"), locked(tmp_path / "file" / "folder"):
        pass


def test_a_run_that_is_refused_leaves_no_folder_and_one_with_results_keeps_it(tmp_path):
    with pytest.raises(InputError, match="refused"), locked(tmp_path / "new/study"):
        raise InputError("refused")
    assert not list(tmp_path.iterdir())
    with locked(tmp_path / "new/study"):
        (tmp_path / "new/study/table.csv").touch()
    assert [path.name for path in (tmp_path / "new/study").iterdir()] == ["table.csv"]
    (tmp_path / "mine").mkdir()
    with locked(tmp_path / "mine"):
        pass
    assert (tmp_path / "mine").is_dir()


def test_a_folder_that_the_end_of_another_run_removes_meanwhile_is_made_again(tmp_path, monkeypatch):
    folder, real, removed = tmp_path / "new/study", os.open, []

    def removing(path, *rest):
        if len(removed) < 3:
            removed.append(os.rmdir(folder))
        return real(path, *rest)

    monkeypatch.setattr(os, "open", removing)
    with locked(folder):
        assert (folder / ".lock").is_file() and len(removed) == 3
    assert not list(tmp_path.iterdir())


def test_a_lock_whose_file_another_run_removes_after_it_was_opened_is_taken_anew(tmp_path, monkeypatch):
    real, removed = os.fstat, []

    def removing(handle):
        if len(removed) < 2:
            removed.append(os.unlink(tmp_path / "study/.lock"))
        return real(handle)

    monkeypatch.setattr(os, "fstat", removing)
    with (
        locked(tmp_path / "study"),
        subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path / "study")], stderr=subprocess.PIPE, text=True
        ) as second,
    ):
        assert "another run writes there" in second.communicate()[1]


def test_a_folder_that_is_always_gone_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "open", lambda path, *_: (_ for _ in ()).throw(FileNotFoundError(2, "gone", path)))
    with (
        pytest.raises(InputError, match=r"study: not writable \(gone\); name another folder"),
        locked(tmp_path / "study"),
    ):
        pass
