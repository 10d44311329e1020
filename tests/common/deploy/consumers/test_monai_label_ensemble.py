"""The networks of several folds as one archive, on the real MONAI Label server beside one of its members."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
import torch

from common.bundle_configs import BundleConfigs
from common.deploy.package import package_bundle
from common.study.ensemble import write_ensemble
from tests.common.deploy.consumers.environments import consumer_environment
from tests.common.deploy.consumers.label_server import LabelServer
from tests.common.deploy.consumers.label_studies import write_study
from tests.common.deploy.tiny_bundles import SETTINGS, random_weights

pytestmark = pytest.mark.slow
BUNDLE = "mlsscl_3d"


def test_an_ensemble_is_served_and_gives_the_mean_of_its_members(tmp_path):
    environment = consumer_environment("monai-label")
    members = [random_weights(BUNDLE, tmp_path / name) for name in ("first", "second")]
    state = torch.load(members[0])
    last = [*state][-2:]  # weight and bias of the layer of the classes
    torch.save({key: (-20 if key in last else 1) * value for key, value in state.items()}, members[1])
    overlay = write_ensemble(BundleConfigs(BUNDLE), [], members, tmp_path / "final")
    options = {"overlays": [str(overlay)], "weights": tmp_path / "final/model.pt", "name": "all_classification"}
    archives = [package_bundle(BUNDLE, "monailabel", tmp_path / "dist", **options, **SETTINGS[BUNDLE])]
    for number, weights in enumerate(members):
        options = {"weights": weights, "name": f"member{number}_classification"}
        archives.append(package_bundle(BUNDLE, "monailabel", tmp_path / "dist", **options, **SETTINGS[BUNDLE]))
    (tmp_path / "server/studies").mkdir(parents=True)
    write_study(BUNDLE, tmp_path / "server/studies", "case", 0)
    server = LabelServer(environment, tmp_path / "server", tmp_path / "server/studies")
    for path in archives:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(server.models)
    with server.running():
        server.wait()
        scores = {path.stem: server.scores(path.stem, "case") for path in archives}
    names = [name for name in scores["all_classification"] if name != "no call"]
    found = {key: np.array([values[name] for name in names]) for key, values in scores.items()}
    first, second = (found[f"member{number}_classification"] for number in range(2))
    assert np.abs(first - second).max() > 0.01
    np.testing.assert_allclose(found["all_classification"], (first + second) / 2, atol=1e-4)
