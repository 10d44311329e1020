"""The service as a whole: it receives, predicts and delivers, each from the queue on disk, until it is stopped."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..prediction.patient_names import without_names
from .delivery import Deliverer, back_off, display_name
from .dicom_listener import DicomListener
from .monitoring import monitoring
from .service_log import LOGGER, brief
from .settings import ServiceSettings, display_address
from .storage import Storage
from .study_queue import StudyQueue
from .watched_folder import WatchedFolder

__all__ = ["Predict", "Service"]

#: Folder of a study's images -> folder of its results. It raises ``InputError`` for a study that cannot be used, and
#: any other exception where a later attempt may help.
Predict = Callable[[Path], Path]
PAUSE = 0.2  # seconds between two looks at the queue
HOUSEKEEPING = 60.0  # seconds between two looks at old images
STALLED = 1800.0  # seconds after which a prediction is taken for one that hangs
DAY = 86400.0  # seconds
CRASHES = 3  # times that a study may end the process


class Service:
    """Service of one archive.

    Args:
        folder: folder of the queue, the images and the results, which this process has for itself.
        settings: settings.
        predict: prediction of a study.
        model: name and version of the archive, for the health endpoint.
    """

    def __init__(self, folder: Path, settings: ServiceSettings, predict: Predict, model: str) -> None:
        self.folder, self.settings, self.predict, self.model = folder, settings, predict, model
        self.queue = StudyQueue(folder / "queue.sqlite")
        self.storage = Storage(folder / "incoming", self.queue, settings.min_free * (1 << 30))
        self.listener = DicomListener(settings, self.storage)
        self.watched = None
        if settings.watch is not None:
            self.watched = WatchedFolder(Path(settings.watch), self.storage, settings.settle)
        self.stop = threading.Event()
        self.deliverers = [Deliverer(self.queue, place, settings, self.stop) for place in settings.destinations]
        self.predictions, self.seconds = 0, 0.0
        self._alive = time.monotonic()
        self._kept = float("-inf")

    def run(self, started: Callable[[], None] = lambda: None) -> None:
        """Serve until ``stop`` is set; a prediction that runs then is finished first.

        Args:
            started: function to call when connections are accepted.
        """
        settings = self.settings
        self._recover()
        with ExitStack() as parts:
            parts.callback(self.queue.close)
            port = parts.enter_context(
                monitoring(settings.health_host, settings.health_port, self.health, self.numbers)
            )
            place = display_address(settings.health_host, port)
            LOGGER.info("%s: health and metrics at http://%s", self.model, place)
            if settings.peers:
                parts.enter_context(self.listener.listening())
                secure = "" if settings.tls_certificate is None else ", TLS"
                place = display_address(settings.host, self.listener.port)
                LOGGER.info("AE title %s listens at %s%s", settings.ae_title, place, secure)
            for deliverer in self.deliverers:
                deliverer.start()
                parts.callback(deliverer.join)
            parts.callback(self.stop.set)
            started()
            while not self.stop.is_set():
                if self._ended() and not self.stop.is_set():  # an error of the disk; a restart goes on
                    raise RuntimeError("the delivery has ended")
                if not self.step():
                    self.stop.wait(PAUSE)
            LOGGER.info("stopped")

    def step(self) -> bool:
        """Look at the watched folder, settle studies, and predict one; returns whether there was one."""
        self._alive = time.monotonic()
        if self.watched is not None and self.watched.take():
            LOGGER.info("took files from the watched folder")
        ready, broken = self.queue.settle(self.settings.settle, self.listener.open_transfers())
        for study in ready:
            LOGGER.info("study %s: complete", study)
        for study in broken:
            LOGGER.error("study %s: the sender broke off before the end of its transfer; send the study again", study)
        if time.monotonic() - self._kept > HOUSEKEEPING:
            self._forget()
        taken = self.queue.take()
        if taken is not None:
            self._predict(*taken)
        return taken is not None

    def _predict(self, study: str, attempt: int) -> None:
        images, start = self.storage.study_folder(study), time.monotonic()
        try:
            results = self.predict(images)
        except Exception as error:
            reason = str(error) if isinstance(error, InputError) else brief(error)
            reason = without_names(" ".join(reason.split()), images.glob("*.dcm"))
            helps = not isinstance(error, InputError) and attempt < self.settings.attempts
            again = back_off(self.settings.backoff, attempt) if helps else None
            self.queue.fail(study, reason, again)
            then = "failed" if again is None else f"again in {again:.0f} s"
            LOGGER.error("study %s: %s; %s", study, reason, then)
            return
        self.predictions += 1
        self.seconds += time.monotonic() - start
        if self.queue.predicted(study, results, self.settings.destinations):
            LOGGER.info("study %s: predicted in %.1f s", study, time.monotonic() - start)
        else:
            LOGGER.info("study %s: more images came while it was predicted", study)

    def _ended(self) -> bool:
        return not all(deliverer.is_alive() for deliverer in self.deliverers)

    def _recover(self) -> None:
        removed = self.storage.clean()
        again, given_up = self.queue.recover(CRASHES)
        for study in again:
            LOGGER.warning("study %s: was being predicted when the service ended; again", study)
        for study in given_up:
            LOGGER.error("study %s: the service ended %d times during its prediction; given up", study, CRASHES)
        if removed:
            LOGGER.warning("removed %d files that had not been confirmed to their sender", removed)
        if withdrawn := self.queue.withdraw(self.settings.destinations):
            LOGGER.error("gave up %d deliveries to destinations that are not in the settings any more", withdrawn)

    def _forget(self) -> None:
        """Remove images and delivered results of studies that were finished some time ago."""
        self._kept = time.monotonic()
        self.storage.forget(self.settings.keep * DAY)
        for study, results in self.queue.delivered_before(self.settings.keep_results * DAY):
            for folder in (results, *self.folder.glob(f"results/*/studies/{results.name}")):  # of older releases too
                shutil.rmtree(folder, ignore_errors=True)
            self.queue.forget_results(study)

    def health(self) -> Mapping[str, Any]:
        """State of the service, for the health endpoint."""
        problems = []
        if not self.storage.has_space:
            problems.append(f"less than {self.settings.min_free} GiB free: nothing is accepted")
        if (quiet := time.monotonic() - self._alive) > STALLED:
            problems.append(f"a prediction has run for {quiet:.0f} s")
        if self._ended():
            problems.append("the delivery has ended")
        return {
            "status": "failing" if problems else "ok",
            "problems": problems,
            "model": self.model,
            "studies": self.queue.counts(),
            "oldest_waiting_seconds": round(self.queue.oldest_waiting(), 1),
            "destinations": {display_name(each.destination): each.problem or "ok" for each in self.deliverers},
            "failed": [dict(zip(("study", "state", "reason"), row, strict=True)) for row in self.queue.problems(20)],
        }

    def numbers(self) -> Mapping[str, tuple[str, str, float | Mapping[str, float]]]:
        """Metrics, see :func:`~common.deploy.service.monitoring.monitoring`."""
        storage = self.storage
        return {
            "studies": ("gauge", "Studies in each state of the queue.", self.queue.counts()),
            "oldest_waiting_seconds": ("gauge", "Waiting time of the oldest study.", self.queue.oldest_waiting()),
            "instances_received": ("counter", "Images stored since the start.", storage.received),
            "instances_ignored": ("counter", "Objects confirmed and dropped since the start.", storage.ignored),
            "instances_refused": ("counter", "Objects refused since the start.", storage.refused),
            "associations_rejected": ("counter", "Connections rejected since the start.", self.listener.rejected),
            "predictions": ("counter", "Studies predicted since the start.", self.predictions),
            "prediction_seconds": ("counter", "Time of these predictions.", self.seconds),
            "files_left": (
                "gauge",
                "Files of the watched folder that cannot be used.",
                getattr(self.watched, "left", 0),
            ),
        }
