"""Health and metrics of the service over HTTP: ``/health`` as JSON, ``/metrics`` for Prometheus."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from .settings import address_error

if TYPE_CHECKING:
    from prometheus_client.core import Metric

__all__ = ["monitoring"]

Health = Callable[[], Mapping[str, Any]]
Numbers = Callable[[], Mapping[str, tuple[str, str, float | Mapping[str, float]]]]


@contextmanager
def monitoring(host: str, port: int, health: Health, numbers: Numbers) -> Iterator[int]:
    """Answer requests while the block runs.

    Args:
        host: address to listen on.
        port: port; 0 lets the system choose one.
        health: function that describes the state; its ``status`` is "ok", or the answer has code 503.
        numbers: function that gives type ("gauge" or "counter"), help and value of each metric, or values by state.

    Yields:
        The port.
    """
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

    registry = CollectorRegistry()
    registry.register(_Numbers(numbers))
    ProcessCollector(namespace="clinical_ssl", registry=registry)

    class Handler(BaseHTTPRequestHandler):
        """Answers requests for the state and the numbers."""

        def do_GET(self) -> None:
            """Answer a request for the state or the numbers."""
            if self.path == "/health":
                state = health()
                self._answer(200 if state["status"] == "ok" else 503, "application/json", json.dumps(state).encode())
            elif self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(registry))
            else:
                self._answer(404, "text/plain", b"expected /health or /metrics\n")

        def _answer(self, code: int, kind: str, content: bytes) -> None:
            """Send an answer with its headers."""
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Requests are not logged."""

    class Server(ThreadingHTTPServer):
        """A server for IPv4 or IPv6, as the address has it."""

        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    try:
        server = Server((host, port), Handler)
    except OSError as error:
        raise address_error("health_host, health_port", host, port, error) from None
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="monitoring", daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


class _Numbers:
    """The metrics as a collector of Prometheus' client."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers

    def describe(self) -> list[Metric]:
        """Nothing is computed at registration."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The metrics, now."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        kinds = {"gauge": GaugeMetricFamily, "counter": CounterMetricFamily}
        for name, (kind, text, value) in self.numbers().items():
            if isinstance(value, Mapping):
                family = kinds[kind](f"clinical_ssl_{name}", text, labels=["state"])
                for state, number in value.items():
                    family.add_metric([state], number)
            else:
                family = kinds[kind](f"clinical_ssl_{name}", text, value=value)
            yield family
