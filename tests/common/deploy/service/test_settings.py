from __future__ import annotations

import pytest

from common.deploy.service.settings import read_settings
from common.errors import InputError

SMALL = {"peers": {"SCANNER": ["127.0.0.1"]}}


def test_a_file_is_read_and_options_replace_its_values(tmp_path):
    (tmp_path / "service.yaml").write_text(
        "peers: {PACS: [10.0.0.5, 10.1.0.0/16]}\nport: 104\ndestinations: ['dicom://PACS@10.0.0.5:104']\n"
    )
    settings = read_settings(tmp_path / "service.yaml", {"port": 11112})
    assert settings.port == 11112 and settings.settle == 60 and settings.peers == {"PACS": ["10.0.0.5", "10.1.0.0/16"]}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "peers, watch: found neither"),
        (SMALL | {"ports": 1}, "ports: found no such setting, expected one of ae_title, host, port"),
        (SMALL | {"port": "104"}, "port: found '104', expected a whole number"),
        (SMALL | {"port": 70000}, "port: found 70000, expected at most 65535"),
        (SMALL | {"settle": -1}, "settle: found -1, expected a number of at least 0"),
        (SMALL | {"heat_map": "yes"}, "heat_map: found 'yes', expected true or false"),
        (SMALL | {"ae_title": "A" * 17}, "AE title 'AAAAAAAAAAAAAAAAA': expected 1 to 16 characters"),
        ({"peers": {"PACS": ["here"]}}, "peers PACS: found 'here', expected an address"),
        ({"watch": "/nowhere"}, "watch: found no folder /nowhere"),
        (SMALL | {"tls_key": "/nowhere"}, "tls_certificate, tls_key: found one of them"),
        (SMALL | {"destinations": ["dicom://10.0.0.5:104"]}, "destinations: found 'dicom://10.0.0.5:104'"),
        (SMALL | {"destinations": ["https://host"] * 2}, "destinations: found one of them twice"),
        (SMALL | {"destinations": ["ftp://host/x"]}, "destinations: found 'ftp://host/x'"),
        (SMALL | {"destinations": ["dicom://PACS@host:port"]}, "destinations: found 'dicom://PACS@host:port'"),
        (
            SMALL | {"destinations": ["https://host:port/dicom-web"]},
            "destinations: found 'https://host:port/dicom-web'",
        ),
        (SMALL | {"destinations": "https://host"}, "destinations: found 'https://host', expected a list"),
    ],
)
def test_what_is_wrong_is_one_line(values, expected):
    with pytest.raises(InputError) as error:
        read_settings(None, values)
    assert str(error.value).startswith("settings: 1 problem\n  ") or "tls" in expected
    assert expected in str(error.value)


def test_all_that_is_wrong_is_listed_at_once(tmp_path):
    (tmp_path / "service.yaml").write_text("port: x\nsettle: y\n")
    with pytest.raises(InputError, match=r"service\.yaml: 3 problems"):
        read_settings(tmp_path / "service.yaml", {"colour": 1})
    (tmp_path / "service.yaml").write_text("- a list")
    with pytest.raises(InputError, match="found no mapping"):
        read_settings(tmp_path / "service.yaml", {})
