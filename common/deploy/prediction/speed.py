"""Speed of inference: a study over the bare network, and the time of a process from its start to the first result."""

from __future__ import annotations

import copy
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from ...benchmark import Clock, Spread, take_turns
from ...images.image_files import datalist_rows
from ...temporary import temporary_folder
from .classifier import Classifier, open_classifier

__all__ = ["inference_table", "measure_cold_start", "measure_inference"]

_ROOT = Path(__file__).resolve().parents[3]
_PREDICT = (_ROOT / "scripts" if (_ROOT / "scripts/predict.py").is_file() else _ROOT / "clinical_ssl") / "predict.py"
_LOADER = "LoadImaged"
_RATIOS = {"study": "network", "tensor": "network"}


def measure_inference(
    source: str | Path, datalist: str | Path, rounds: int = 20, device: str = "cpu", cpu_time: bool = False
) -> dict[str, Any]:
    """Time per study, from volumes in memory to the prediction, and of the network alone on the same tensor.

    Preprocessing after loading, the network and the reading of its output are one contestant, the last two another and
    the network the third. They take turns on each study.

    Args:
        source: archive or bundle.
        datalist: JSON whose cases are measured.
        rounds: number of measurements of each study.
        device: device of the network.
        cpu_time: whether to measure CPU time.

    Returns:
        ``rows`` with seconds of each contestant, and of loading, which is measured once, for each study; and ``ratios``
        to the network, each as median, least and largest over studies and rounds.
    """
    rows: list[dict[str, Any]] = []
    ratios: dict[str, list[float]] = {name: [] for name in _RATIOS}
    clock = Clock(device, cpu_time)
    with open_classifier(source, device=device) as classifier:
        load, prepare = _split(classifier)
        for name, row in tqdm(list(datalist_rows(Path(datalist))), desc="studies", unit="study"):
            start = clock()
            loaded = load({**row, "subject": name})
            loading = clock() - start
            contestants = _contestants(classifier, prepare, loaded)
            for run in contestants.values():
                run(2)  # TorchScript optimises in its first runs
            seconds = take_turns(contestants, rounds, 1, 1, clock, title=name)
            rows.append({"name": name, "loading": loading, **{key: statistics.median(seconds[key]) for key in seconds}})
            for key, base in _RATIOS.items():
                ratios[key] += [one / other for one, other in zip(seconds[key], seconds[base], strict=True)]
    spreads = {key: Spread.of(values)._asdict() for key, values in ratios.items()}
    return {"rows": rows, "ratios": spreads, "clock": "cpu" if cpu_time else "wall"}


def _split(classifier: Classifier) -> tuple[Callable[[Any], Any], Callable[[Any], torch.Tensor]]:
    """Loading, and the other transforms of preprocessing."""
    preprocessing = classifier.preprocessing
    number = 1 + max(k for k, each in enumerate(preprocessing.transforms) if type(each).__name__ == _LOADER)

    def load(row: Any) -> Any:
        """The row up to the image as loaded."""
        return preprocessing(row, end=number)

    def prepare(row: Any) -> torch.Tensor:
        """The rest of the preprocessing."""
        return preprocessing(row, start=number)["image"]

    return load, prepare


def _contestants(
    classifier: Classifier, prepare: Callable[[Any], torch.Tensor], loaded: Mapping[str, Any]
) -> dict[str, Callable[[int], None]]:
    image = prepare(copy.deepcopy(dict(loaded)))
    batch = image[None].to(classifier.device)

    def study(steps: int) -> None:
        """Preprocess and classify."""
        for _ in range(steps):
            classifier(prepare(dict(loaded)))

    def tensor(steps: int) -> None:
        """Classify an image that is preprocessed."""
        for _ in range(steps):
            classifier(image)

    @torch.inference_mode()
    def network(steps: int) -> None:
        """The network alone."""
        for _ in range(steps):
            classifier.network(batch)

    return {"study": study, "tensor": tensor, "network": network}


def measure_cold_start(source: str | Path, datalist: str | Path, runs: int = 3) -> list[dict[str, float]]:
    """``seconds`` of ``scripts/predict.py`` from its start to its end as a new process, and its ``cpu_seconds``.

    Args:
        source: archive or bundle.
        datalist: JSON whose cases are predicted, none of which is known from before.
        runs: number of processes.
    """
    seconds = []
    for _ in range(runs):
        with temporary_folder() as output:
            command = [sys.executable, str(_PREDICT), str(source), str(datalist), str(output / "results")]
            start, cpu_start = time.perf_counter(), _cpu_seconds()
            subprocess.run([*command, "--device", "cpu"], check=True, capture_output=True)
            seconds.append({"seconds": time.perf_counter() - start, "cpu_seconds": _cpu_seconds() - cpu_start})
    return seconds


def _cpu_seconds() -> float:
    """CPU time of all processes that this one started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def inference_table(result: Mapping[str, Any]) -> str:
    """Text of the results."""
    lines = [f"{'study':32} loading  study  tensor  network   (ms, {result['clock']} time, median)"]
    for row in result["rows"]:
        values = (1000 * row[key] for key in ("loading", "study", "tensor", "network"))
        lines.append("{:32} {:7.1f} {:6.1f} {:7.1f} {:8.1f}".format(row["name"], *values))
    for key, title in (("study", "volume in memory to prediction"), ("tensor", "prepared tensor to prediction")):
        ratio = result["ratios"][key]
        lines.append(f"{title}: {ratio['median']:.3f} [{ratio['min']:.3f}, {ratio['max']:.3f}] times the network")
    if "cold_start" in result:
        runs = (f"{each['seconds']:.1f} s ({each['cpu_seconds']:.1f} s of CPU)" for each in result["cold_start"])
        lines.append(f"cold start to the results: {', '.join(runs)}")
    return "\n".join(lines)
