from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.python_commands import free_port

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_a_free_port_is_none_that_the_system_or_another_worker_gives_away(monkeypatch):
    ports = {}
    for worker in ("gw0", "gw1", "gw15"):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        ports[worker] = {free_port() for _ in range(50)}
    found = set.union(*ports.values())
    assert len(found) == sum(map(len, ports.values()))
    if RANGE.is_file():
        assert max(found) < int(RANGE.read_text().split()[0])


def test_a_port_that_is_taken_is_not_free(monkeypatch):
    monkeypatch.setattr("tests.python_commands.PORTS", 2)
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        assert {free_port() for _ in range(9)}.isdisjoint({taken.getsockname()[1]})
        with socket.create_server(("127.0.0.1", free_port())), pytest.raises(OSError, match="no free port from"):
            free_port()
