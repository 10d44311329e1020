from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from common import allocator

BLOCKS = """
import resource, sys
from common.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
bytearray(2**26)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    bytearray(2**26)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_memory_that_was_freed_is_used_again_without_page_faults(project, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(project))
    for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    faults = {}
    for mode in ("default", "keep"):
        done = subprocess.run([sys.executable, "-c", BLOCKS, mode], capture_output=True, text=True, check=True)
        faults[mode] = int(done.stdout)
    assert faults["keep"] < 100 < faults["default"]


@pytest.mark.parametrize(
    ("library", "environment"), [("musl", {}), ("", {}), ("glibc", {"GLIBC_TUNABLES": "glibc.malloc.check=1"})]
)
def test_another_library_and_the_users_own_setting_are_left_alone(monkeypatch, library, environment):
    monkeypatch.setattr(platform, "libc_ver", lambda: (library, ""))
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda _: pytest.fail("set"))
    for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert not allocator.keep_freed_memory()
