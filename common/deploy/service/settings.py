"""Settings of the service: one YAML file, each of whose fields may be given on the command line instead."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from ...errors import InputError, OptionError, one_line

__all__ = ["ServiceSettings", "address_error", "display_address", "read_settings"]

SCHEMES = ("dicom", "dicoms", "http", "https")


@dataclass(frozen=True)
class ServiceSettings:
    """Settings of the service; all have a default, but at least one way in is needed: ``peers`` or ``watch``.

    Attributes:
        ae_title: AE title of the service, which a sender must call.
        host: address on which the DICOM listener listens; the default takes connections of this machine only.
        port: port of the DICOM listener; 0 lets the system choose one.
        peers: addresses (or networks such as 10.0.0.0/24) by the AE title of each sender that is accepted; without
            peers there is no listener.
        watch: folder whose DICOM files are taken in and removed from there.
        settle: time in seconds after the last file of a study until it is taken.
        destinations: receivers of the results: ``dicom://AE_TITLE@host:port`` (C-STORE), ``dicoms://`` for TLS, or the
            URL of a DICOMweb server (STOW-RS), ``https://host/dicom-web``.
        attempts: number of times that a prediction or a delivery is tried.
        backoff: time in seconds before the second attempt; it doubles with each, up to an hour.
        keep: time in days for which the images of a finished study are kept, in case more of them come.
        keep_results: time in days for which results are kept that all destinations confirmed; others are never removed.
        min_free: free space in GiB below which nothing more is accepted.
        health_host: address of the health endpoint and the metrics.
        health_port: port of these; 0 lets the system choose one.
        tls_certificate: certificate (PEM) of the service; the listener then accepts TLS only.
        tls_key: its private key (PEM).
        tls_authority: certificates (PEM) of which each peer's must be signed by one.
        heat_map: whether a heat map is made for each study.
        log_size: size in MiB at which the log file is rotated.
        log_files: number of old log files that are kept.
    """

    ae_title: str = "CLINSSL"
    host: str = "127.0.0.1"
    port: int = 11112
    peers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    watch: str | None = None
    settle: float = 60.0
    destinations: Sequence[str] = ()
    attempts: int = 10
    backoff: float = 30.0
    keep: float = 7.0
    keep_results: float = 90.0
    min_free: float = 2.0
    health_host: str = "127.0.0.1"
    health_port: int = 8080
    tls_certificate: str | None = None
    tls_key: str | None = None
    tls_authority: str | None = None
    heat_map: bool = False
    log_size: float = 10.0
    log_files: int = 10


def read_settings(path: str | Path | None, overrides: Mapping[str, Any]) -> ServiceSettings:
    """Read and check the settings.

    Args:
        path: YAML file, or ``None`` for the defaults.
        overrides: settings by name that replace those of the file.

    Raises:
        InputError: the file is missing or a setting is invalid; the message lists all problems. It is an
            :class:`~common.errors.OptionError` where an override is no setting.
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{path}: {reason}; expected YAML with settings; correct --settings") from None
        if not isinstance(values, dict):
            raise InputError(f"{path}: found no mapping, expected lines such as port: 11112; correct the file")
    values = {str(name): value for name, value in (values | dict(overrides)).items()}
    source = "settings" if path is None else str(path)
    known = {item.name: item for item in fields(ServiceSettings)}
    problems = [
        f"{name}: found no such setting, expected one of {', '.join(known)}; correct it"
        for name in values
        if name not in known
    ]
    problems += [line for name, value in values.items() if name in known for line in _type_problem(name, value)]
    if not problems:
        settings = ServiceSettings(**values)
        problems = list(_problems(settings))
        if not problems:
            return settings
    kind = OptionError if overrides.keys() - known.keys() else InputError
    raise kind.of_rows(source, problems)


def address_error(names: str, host: str, port: int, error: OSError) -> InputError:
    """Error for an address on which nothing can listen, such as one that is taken.

    Args:
        names: names of its settings.
        host: address.
        port: port.
        error: error of the operating system.
    """
    reason = error.strerror or one_line(error)
    return InputError(
        f"{names}: cannot listen on {display_address(host, port)} ({reason}); expected a free one; set another"
    )


def display_address(host: str, port: int) -> str:
    """Address and port, with brackets round an IPv6 address.

    Args:
        host: address.
        port: port.
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _type_problem(name: str, value: Any) -> Iterator[str]:
    hint = str(ServiceSettings.__annotations__[name])
    expected = {
        "str": ("text", str),
        "str | None": ("a path", str | None),
        "int": ("a whole number of at least 0", int),
        "float": ("a number of at least 0", int | float),
        "bool": ("true or false", bool),
        "Sequence[str]": ("a list of texts", list | tuple),
        "Mapping[str, Sequence[str]]": ("AE titles with lists of addresses", dict),
    }[hint]
    wrong = not isinstance(value, expected[1]) or (isinstance(value, bool) and hint != "bool")
    if wrong or (isinstance(value, int | float) and value < 0):
        yield f"{name}: found {value!r}, expected {expected[0]}; correct it"


def _problems(settings: ServiceSettings) -> Iterator[str]:
    for title in (settings.ae_title, *map(str, settings.peers)):
        if not re.fullmatch(r"[\x20-\x5b\x5d-\x7e]{1,16}", title) or not title.strip():
            yield f"AE title {title!r}: expected 1 to 16 characters of ASCII without backslash; correct it"
    for title, addresses in settings.peers.items():
        for address in addresses if isinstance(addresses, list | tuple) else [addresses]:
            try:
                ipaddress.ip_network(str(address))
            except ValueError:
                yield f"peers {title}: found {address!r}, expected an address such as 10.0.0.5 or 10.0.0.0/24"
    for name in ("port", "health_port"):
        if getattr(settings, name) > 65535:
            yield f"{name}: found {getattr(settings, name)}, expected at most 65535; correct it"
    yield from (line for target in settings.destinations for line in _destination_problem(str(target)))
    if len({*map(str, settings.destinations)}) < len(settings.destinations):
        yield "destinations: found one of them twice, expected each once; remove the other"
    if settings.attempts < 1:
        yield "attempts: found 0, expected at least 1; correct it"
    if not settings.peers and settings.watch is None:
        yield "peers, watch: found neither, expected senders' AE titles or a folder; set peers: {PACS: [10.0.0.5]}"
    if settings.watch is not None and not Path(settings.watch).is_dir():
        yield f"watch: found no folder {settings.watch}, expected one; create it"
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        yield "tls_certificate, tls_key: found one of them, expected both or none; set both"
    for name in ("tls_certificate", "tls_key", "tls_authority"):
        if (path := getattr(settings, name)) is not None and not Path(path).is_file():
            yield f"{name}: found no file {path}, expected PEM; correct the path"


def _destination_problem(target: str) -> Iterator[str]:
    example = "expected dicom://AE_TITLE@host:port or https://host/dicom-web; correct it"
    try:
        url = urlsplit(target)
        is_dicom, port = url.scheme.startswith("dicom"), url.port
        missing = not url.hostname or (is_dicom and not (url.username and port))
    except ValueError:
        missing = True
    if missing or url.scheme not in SCHEMES:
        yield f"destinations: found {target!r}, {example}"
