"""Back-off, names in messages, systemd, addresses and keys, removal of old images."""

from __future__ import annotations

import logging
import socket
import sqlite3
import threading
from pathlib import Path
from types import SimpleNamespace
from urllib.request import urlopen

import pytest

from common.deploy.service import storage as storage_module
from common.deploy.service.delivery import DeliveryError, RefusedError, back_off, display_name, send
from common.deploy.service.dicom_listener import DicomListener
from common.deploy.service.monitoring import monitoring
from common.deploy.service.service_log import LOGGER, logging_to
from common.deploy.service.settings import ServiceSettings
from common.deploy.service.storage import Storage
from common.deploy.service.study_queue import StudyQueue
from common.deploy.service.systemd import notify
from common.errors import InputError
from tests.common.deploy.service.sent_studies import has_ipv6, write_image


def test_pauses_double_up_to_an_hour():
    assert [back_off(30, attempt) for attempt in (1, 2, 3, 8, 1000)] == [30, 60, 120, 3600, 3600]


@pytest.mark.parametrize(
    ("destination", "shown"),
    [
        ("dicom://PACS@10.0.0.5:104", "dicom://PACS@10.0.0.5:104"),
        ("https://user:secret@pacs/dicom-web", "https://pacs/dicom-web"),
        ("http://pacs:8042/dicom-web", "http://pacs:8042/dicom-web"),
        ("https://user:secret@[fd00::5]:8443/dicom-web", "https://[fd00::5]:8443/dicom-web"),
        ("dicoms://PACS@[fd00::5]:104", "dicoms://PACS@[fd00::5]:104"),
    ],
)
def test_a_destination_is_shown_without_its_password(destination, shown):
    assert display_name(destination) == shown


def test_messages_of_libraries_are_neither_in_the_log_nor_on_standard_error(tmp_path, capfd, monkeypatch):
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [logging.StreamHandler()])  # as the command line has
    monkeypatch.setattr(root, "level", logging.INFO)
    with logging_to(tmp_path / "service.log", 1, 1):
        for name in ("highdicom.base", "dicomweb_client.web", "pydicom"):
            monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
            logging.getLogger(name).debug("Roe^Jane")
            logging.getLogger(name).critical("Roe^Jane")
        LOGGER.info("study 1.2: complete")
    text = (tmp_path / "service.log").read_text() + capfd.readouterr().err
    assert "Roe" not in text and text.count("study 1.2: complete") == 2
    assert root.level == logging.INFO


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_that_the_service_is_ready(tmp_path, monkeypatch, abstract):
    notify("READY=1")  # without systemd
    name = "\0clinical-ssl-test" if abstract else str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name)
        monkeypatch.setenv("NOTIFY_SOCKET", name.replace("\0", "@"))
        notify("READY=1")
        assert receiver.recv(100) == b"READY=1"


@pytest.fixture
def storage(tmp_path):
    queue = StudyQueue(tmp_path / "queue.sqlite")
    yield Storage(tmp_path / "incoming", queue)
    queue.close()


def test_an_image_that_comes_while_old_ones_are_removed_stays(storage, tmp_path, monkeypatch):
    def receive(number: int) -> None:
        content = write_image(tmp_path / "sent.dcm", "1.2", "1.2.1", number).read_bytes()
        assert storage.receive(content, "SCANNER", complete=True) == 0

    def write(path: Path, content: bytes) -> Path:
        monkeypatch.undo()
        written = storage_module.write_durably(path, content)
        storage.forget(-1)  # the housekeeping, at the worst moment: on the disk and not yet in the queue
        return written

    receive(1)
    storage.queue.settle(0)
    storage.queue.take()
    assert storage.queue.predicted("1.2", tmp_path, [])
    monkeypatch.setattr(storage_module, "write_durably", write)
    receive(2)
    assert (tmp_path / "incoming/1.2/1.2.1.dcm").is_file() and storage.queue.instances() == {("1.2", "1.2.1")}
    storage.queue.settle(0)
    storage.queue.take()
    storage.queue.fail("1.2", "no volume")
    storage.forget(-1)
    assert not (tmp_path / "incoming/1.2").exists() and storage.queue.instances() == set()


def test_an_address_that_is_taken_and_keys_that_are_none_are_one_line(storage, tmp_path):
    pytest.importorskip("pynetdicom")
    pytest.importorskip("prometheus_client")
    (tmp_path / "no.pem").write_text("no key")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"^host, port: cannot listen on 127\.0\.0\.1:{port} \(Address already"):
            DicomListener(ServiceSettings(port=port, peers={4711: "127.0.0.1"}), storage).listening().__enter__()
        with pytest.raises(InputError, match=r"^health_host, health_port: cannot listen"):
            monitoring("127.0.0.1", port, dict, dict).__enter__()
    keys = ServiceSettings(port=0, tls_certificate=str(tmp_path / "no.pem"), tls_key=str(tmp_path / "no.pem"))
    with pytest.raises(InputError, match=r"^tls_certificate, tls_key: .*no\.pem.*expected a certificate"):
        DicomListener(keys, storage).listening().__enter__()


def test_health_is_served_at_an_address_of_version_6():
    pytest.importorskip("prometheus_client")
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    with (
        monitoring("::1", 0, lambda: {"status": "ok"}, dict) as port,
        urlopen(f"http://[::1]:{port}/health", timeout=30) as answer,
    ):
        assert answer.status == 200


def test_an_end_of_a_transfer_that_cannot_be_recorded_is_logged(storage, monkeypatch, caplog):
    def fails(name: str) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    listener = DicomListener(ServiceSettings(peers={"SCANNER": ["127.0.0.1"]}), storage)
    association = threading.current_thread()  # alive and hashable, as associations are
    listener._transfer(association)
    monkeypatch.setattr(storage.queue, "complete", fails)
    monkeypatch.setattr(LOGGER, "propagate", True)
    listener._received(SimpleNamespace(pdu=type("A_RELEASE_RQ", (), {})(), assoc=association))
    assert "the end of a transfer could not be recorded: OperationalError: database or disk is full" in caplog.text
    assert listener.open_transfers() == set()


def test_results_that_cannot_be_read_are_not_taken_for_a_destination_that_is_away(tmp_path):
    (tmp_path / "report.dcm").write_bytes(b"half a report")
    with pytest.raises(RefusedError, match=r"^the results cannot be read \(InvalidDicomError: "):
        send("dicom://PACS@127.0.0.1:1", [tmp_path / "report.dcm"], ServiceSettings())


def test_results_that_were_removed_are_not_delivered():
    with pytest.raises(DeliveryError, match="not there"):
        send("dicom://PACS@127.0.0.1:1", [], ServiceSettings())


def test_a_password_of_a_url_may_have_special_characters(tmp_path, monkeypatch):
    client = pytest.importorskip("dicomweb_client")
    sessions = []

    class Client:
        def __init__(self, url: str, session: object, timeout: float) -> None:
            sessions.append((url, session.auth))

        def set_http_retry_params(self, retry: bool) -> None:
            pass

        def store_instances(self, _: list) -> dict:
            return {}

    monkeypatch.setattr(client, "DICOMwebClient", Client)
    path = write_image(tmp_path / "1.dcm", "1.2", "1.2.1", 1)
    for place in ("pacs", "[fd00::5]"):
        send(f"https://user:p%40ss%2F@{place}:8043/dicom-web", [path], ServiceSettings())
        assert sessions.pop() == (f"https://{place}:8043/dicom-web", ("user", "p@ss/"))
