"""Back-off, names in messages, systemd."""

from __future__ import annotations

import socket

import pytest

from common.deploy.service.delivery import back_off, display_name
from common.deploy.service.service_log import without_names
from common.deploy.service.systemd import notify
from tests.common.deploy.service.sent_studies import write_image


def test_pauses_double_up_to_an_hour():
    assert [back_off(30, attempt) for attempt in (1, 2, 3, 8, 1000)] == [30, 60, 120, 3600, 3600]


@pytest.mark.parametrize(
    ("destination", "shown"),
    [
        ("dicom://PACS@10.0.0.5:104", "dicom://PACS@10.0.0.5:104"),
        ("https://user:secret@pacs/dicom-web", "https://pacs/dicom-web"),
        ("http://pacs:8042/dicom-web", "http://pacs:8042/dicom-web"),
    ],
)
def test_a_destination_is_shown_without_its_password(destination, shown):
    assert display_name(destination) == shown


def test_a_message_keeps_all_but_the_names_of_its_patient(tmp_path):
    path = write_image(tmp_path / "1.dcm", "1.2", "1.2.1", 1)
    text = "series 3 'ROE T1 mrn4711' at 4.7 mm, JANE, not Janeway"
    assert without_names(text, [path]) == "series 3 '[patient] T1 [patient]' at 4.7 mm, [patient], not Janeway"


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_that_the_service_is_ready(tmp_path, monkeypatch, abstract):
    notify("READY=1")  # without systemd
    name = "\0clinical-ssl-test" if abstract else str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name)
        monkeypatch.setenv("NOTIFY_SOCKET", name.replace("\0", "@"))
        notify("READY=1")
        assert receiver.recv(100) == b"READY=1"
