"""inference.json needs no Python of ours: an exported classifier in, predictions out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from monai.bundle import verify_net_in_out
from monai.data import load_net_with_metadata

from tests.bundles.commands import run_bundle


def name_of(row: Mapping[str, Any]) -> str:
    """What predictions call a row: its subject, and the visit where there are several."""
    return "_".join(row[key] for key in ("subject", "session") if key in row)


class SharedInference:
    """Tests of every bundle's ``test_inference.py``."""

    #: batches of images that the exported network takes
    image_shapes: Sequence[tuple[int, ...]]
    #: largest intensity of an image
    brightest: float = 1
    #: what a row needs, and options with which it needs no more
    needed: Sequence[str] = ("image",)
    needed_with: Mapping[str, object] = {}

    @pytest.fixture
    def evaluation(self, open_bundle, configs, tiny, exportable):
        """evaluate.yaml with the classifier."""
        files = [configs / name for name in ("evaluate.yaml", *exportable.overlays)]
        workflow = open_bundle(*files, workflow_type="infer", checkpoint=exportable.checkpoint, **tiny)
        workflow.initialize()
        return workflow

    def test_the_exported_network_gives_the_same_probabilities_as_the_eager_one(self, exported, evaluation):
        scripted, eager = torch.jit.load(exported).eval(), evaluation.parser.get_parsed_content("trained").eval()
        for shape in self.image_shapes:
            image = self.brightest * torch.rand(shape, generator=torch.Generator().manual_seed(0))
            with torch.no_grad():
                torch.testing.assert_close(scripted(image), eager(image), rtol=1e-5, atol=1e-6)

    def test_the_exported_file_holds_metadata_and_inference_config(self, exported, configs):
        names = ("inference.json", "evaluate.json")
        _, metadata, files = load_net_with_metadata(str(exported), more_extra_files=names)
        assert metadata["version"] == json.loads((configs / "metadata.json").read_text())["version"]
        assert files["inference.json"].decode() == exported.with_name("inference.json").read_text()
        assert not files["evaluate.json"]  # it names our Python, which hospitals don't want
        own, ours = json.loads(files["inference.json"]), json.loads((configs / "inference.json").read_text())
        assert own["checkpoint"] == ours["checkpoint"]  # not model.pt

    def test_the_predictions_are_those_of_the_eager_network_on_the_same_voxels(self, infer, evaluation):
        table = infer(amp="false")[0].set_index("subject")
        network = evaluation.parser.get_parsed_content("trained").eval()
        prepare = evaluation.parser.get_parsed_content("normalize") if "normalize" in evaluation.parser else None
        assert len(evaluation.dataset) > 1
        for row in evaluation.dataset:
            image = row["image"][None].float()
            with torch.no_grad():
                expected = network(prepare(image) if prepare else image)[0]
            np.testing.assert_allclose(table.loc[name_of(row)], expected, rtol=1e-4, atol=1e-5)

    def test_both_files_of_predictions_name_every_row(self, infer, rows):
        table, records = infer(amp="false")
        assert list(table["subject"]) == [record["subject"] for record in records] == [name_of(row) for row in rows]
        np.testing.assert_allclose(table["probability_0"] + table["probability_1"], 1, atol=1e-5)
        probabilities = [record["probability_1"] for record in records]
        np.testing.assert_allclose(probabilities, table["probability_1"], rtol=1e-4)

    def test_inference_needs_no_label_and_a_mask_only_to_crop(self, infer, rows, tmp_path):
        kept = [{key: row[key] for key in (*self.needed, "subject", "session") if key in row} for row in rows[:3]]
        path = tmp_path / "unknown.json"
        path.write_text(json.dumps({"testing": kept}))
        table, records = infer(datalist=path, section="testing", batch_size=2, **self.needed_with)
        assert list(table["subject"]) == [record["subject"] for record in records] == [name_of(row) for row in kept]

    def test_network_data_format_is_what_the_network_takes_and_gives(self, exported, configs):
        files = {"config_file": str(configs / "inference.json"), "meta_file": str(configs / "metadata.json")}
        verify_net_in_out(net_id="network_def", **files, checkpoint=str(exported), device="cpu")

    @pytest.mark.slow
    def test_the_command_line_predicts(self, tiny, exported, rows, tmp_path):
        values = {key: tiny[key] for key in ("dataset_dir", "box_size", "image_size") if key in tiny}
        values |= {"section": "training", "amp": "false", "checkpoint": exported, "output_dir": tmp_path}
        result = run_bundle("evaluating", [exported.with_name("inference.json")], device="cpu", **values)
        assert result.returncode == 0, result.stderr
        assert len(json.loads((tmp_path / "predictions.json").read_text())) == len(rows)
