"""Train the final model of a chosen method: cross-validated, calibrated, then trained on all labelled subjects."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from common import InputError
from common.command_line import run_commands
from common.evaluation import FinalModel
from common.evaluation.protocols.final_model import TASKS
from common.programs import command_of


def _show(weights: Path) -> None:
    print(f"\nReport: {weights.parent.parent / 'report' / 'report.md'}\nWeights: {weights}")
    with suppress(InputError):  # of a bundle that is not in the checkout
        print(f"Next: {_next_command(weights)}")


def _next_command(weights: Path) -> str:
    from common.deploy.packaging.hybrid_archive import needs_radiomics
    from common.training_record import read_training_record

    record = read_training_record(weights) or {"bundle": "", "config": "train"}
    bundle, files = record["bundle"], {"weights": weights}
    if record["config"] != "train":  # a segmenter, whose TorchScript is packaged
        names = ",".join(f"'bundles/{bundle}/configs/{name}.yaml'" for name in TASKS["segmentation"][:2])
        files = {"checkpoint": weights, "torchscript": weights.with_name("segmenter.ts")}
        return f'{command_of("run")} exporting --config_file "[{names}]" {_options(files)}'
    target = "hybrid" if needs_radiomics(bundle, weights) else "inference"
    beside = {name: weights.with_name(f"{name}.json") for name in ("metrics", "calibration")}
    files |= {name: path for name, path in beside.items() if path.is_file()}
    return f"{command_of('package')} {bundle} --target {target} {_options(files)}"


def _options(files: Mapping[str, Path]) -> str:
    return " ".join(f"--{name} {shlex.quote(str(path))}" for name, path in files.items())


if __name__ == "__main__":
    run_commands(FinalModel, method="run_logged", show=_show)
