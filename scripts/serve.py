"""Serve an archive in a hospital's network: DICOM studies in, results back."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from common.command_line import run_commands


def serve(
    archive: str,
    folder: str,
    settings: str | None = None,
    rules: str | None = None,
    key: str | None = None,
    require: str | None = None,
    device: str | None = None,
    retry: bool = False,
    **options: Any,
) -> None:
    """Receive studies by DICOM or from a watched folder, predict each, write the results and send them on.

    A study is taken when none of its images has come for the settle time. What has come, and what is to be sent, is in
    a queue on disk: after a crash or a restart the service goes on where it was. docs/hospital.md describes the
    settings.

    Further options replace settings of the file, such as --port 11112 or --watch inbox.

    The exit code is 0 after a stop, 5 for an archive that is refused, 1 for another problem at the start.

    Args:
        archive: zip file from scripts/package.py (--target inference, or monailabel_segmentation for a segmenter), or
            its folder.
        folder: folder of this service: queue, incoming images, results and log.
        settings: YAML file of the settings.
        rules: YAML or JSON with the rules that distinguish the DICOM series; default: those of the archive.
        key: public Ed25519 key (PEM) of the signature that the archive must have.
        require: name of the bundle and condition on its version that the archive must fulfil, such as
            "siam3d_imbalance>=0.2.0".
        device: device of the network, such as cpu or cuda:1; default: CUDA if there is a GPU.
        retry: whether studies that failed and results that could not be delivered are tried once more.
        **options: settings and their values.
    """
    from common.deploy.service.service_log import LOGGER, logging_to
    from common.deploy.service.settings import read_settings
    from common.locks import locked

    chosen = read_settings(settings, options)
    os.umask(0o077)  # images and results are for this user only
    place = Path(folder)
    with locked(place), logging_to(place / "log/service.log", chosen.log_size, chosen.log_files):
        from common.deploy.prediction.structured_report import check_highdicom
        from common.deploy.service.service import Service
        from common.deploy.service.study_prediction import open_predictor
        from common.deploy.service.systemd import notify

        check_highdicom()
        options = {"rules": rules, "key": key, "require": require, "device": device, "heat_map": chosen.heat_map}
        with open_predictor(Path(archive), place / "results", **options) as (predict, model):
            service = Service(place, chosen, predict, f"{model.name} {model.version}")
            if retry:
                LOGGER.info("trying %d studies once more", service.queue.retry(chosen.destinations))
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: service.stop.set())
            service.run(started=lambda: notify("READY=1"))


if __name__ == "__main__":
    run_commands(serve)
