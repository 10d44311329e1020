"""Archives in environments with the packages that they declare and nothing else, in any version of Python.

The variable DECLARED names such environments, separated by colons; ``scripts/consumer_environment.sh declared`` makes
them.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.deploy.consumers.zoo_checks import CHECKS, check_zoo
from common.deploy.package import TARGETS, package_bundle
from common.deploy.verification.archive import open_archive
from tests.common.deploy.tiny_bundles import FOLDERS, OVERLAYS, SETTINGS, random_weights

ENVIRONMENTS = [Path(place) for place in os.environ.get("DECLARED", "").split(":") if place]
NONE = "DECLARED names no environments; scripts/consumer_environment.sh declared makes them"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not ENVIRONMENTS, reason=NONE)]
SAMPLES = [name for name, folder in FOLDERS.items() if (folder / "samples/datalist.json").is_file()]
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Archive of a bundle for a target, packaged once, without the two formats that take long to write."""
    made: dict[tuple[str, str], Path] = {}

    def package(bundle: str, target: str) -> Path:
        if (bundle, target) not in made:
            folder, options = tmp_path_factory.mktemp(f"{bundle}_{target}"), {}
            if target == "zoo":
                options = {"weights": random_weights(bundle, folder), "overlays": OVERLAYS.get(bundle, ())}
                options |= SETTINGS[bundle]
            made[bundle, target] = package_bundle(bundle, target, folder / "out", **options)
        return made[bundle, target]

    with pytest.MonkeyPatch.context() as patch:
        for name, target in TARGETS.items():
            few = tuple(file for file in target.formats if file not in ("model.pt2", "model.onnx"))
            patch.setitem(TARGETS, name, dataclasses.replace(target, formats=few))
        yield package


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda path: path.name)
@pytest.mark.parametrize("bundle", SETTINGS)
def test_an_archive_of_the_zoo_trains_evaluates_infers_and_exports(archive, bundle, environment):
    with open_archive(archive(bundle, "zoo")) as folder:
        found = dict(check_zoo(folder, CHECKS, environment / "bin/python"))
    assert found == dict.fromkeys(("structure", *CHECKS))


@pytest.mark.parametrize("bundle", SAMPLES)
def test_an_inference_archive_gives_everywhere_the_probabilities_that_it_gives_here(archive, bundle, tmp_path):
    found = {}
    with open_archive(archive(bundle, "inference")) as folder:
        config = ["--config_file", "configs/inference.json"]
        for python in (Path(sys.executable), *(environment / "bin/python" for environment in ENVIRONMENTS)):
            output = tmp_path / str(len(found))
            places = ["--dataset_dir", FOLDERS[bundle] / "samples", "--output_dir", output, "--device", "cpu"]
            run_monai(python, folder, "run", "evaluating", *config, *places)
            found[python] = json.loads((output / "predictions.json").read_text())
            meta = ["--meta_file", "configs/metadata.json"]
            run_monai(python, folder, "verify_net_in_out", "network_def", *config, *meta)
    here, *elsewhere = found.values()
    assert len(here) == 3 and len(elsewhere) == len(ENVIRONMENTS)
    for rows in elsewhere:
        for one, other in zip(here, rows, strict=True):
            assert one == pytest.approx(other, abs=1e-4)


def run_monai(python: str | Path, folder: Path, *words: object) -> None:
    command = [python, "-m", "monai.bundle", *words]
    done = subprocess.run([*map(str, command)], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
