"""Settings of the stages of a comparison."""

from __future__ import annotations

import subprocess
import sys

import pytest

from common.bundle_configs import BundleConfigs, bundle_names, stage_of
from common.errors import InputError
from common.evaluation import LabelFractions
from tests.common.evaluation.protocols.fake_bundle import write_bundle, write_cohort


def test_images_are_shared_and_figures_are_those_of_the_whole_comparison_unless_asked(tmp_path):
    write_cohort(tmp_path / "data")

    def evaluation(**settings):
        run = LabelFractions("siam3d_imbalance", tmp_path / "data", tmp_path / "out", ["scratch"], **settings)
        config = run.config_of("evaluate")
        return config["cache"], config["report#figures"]

    assert evaluation() == ("both", False)
    assert evaluation(**{"cache": "none", "report#figures": True}) == ("none", True)


def test_a_finished_comparison_is_reported_where_its_gpu_is_not(tmp_path):
    write_cohort(tmp_path / "data")
    run = LabelFractions("siam3d_imbalance", tmp_path / "data", tmp_path / "out", ["scratch"], device="cuda:99")
    assert run.settings["device"] == "cuda:99"


def test_a_misspelt_option_is_refused_before_anything_heavy_is_imported(tmp_path):
    write_cohort(tmp_path / "data")
    code = f"""
import sys
from common.errors import OptionError
from common.evaluation import LabelFractions
try:
    LabelFractions("siam3d_imbalance", "{tmp_path}/data", "{tmp_path}/out", ["radiomics"], max_epoch=1, device="cpu")
except OptionError as error:
    print("max_epochs" in str(error), {{"torch", "monai", "sklearn", "pandas"}} & sys.modules.keys())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True set()\n"


@pytest.mark.parametrize("bundle", bundle_names())
def test_each_bundle_has_a_recipe_of_its_paper_whose_overlays_change_their_stage(bundle):
    configs = BundleConfigs(bundle)
    assert configs.recipe("default") == []
    for stage, overlay in map(stage_of, configs.recipe("paper")):
        before = configs.ids(stage)
        assert [key for key, value in configs.ids(overlay).items() if before.get(key.split("#")[0]) != value]


def test_the_paper_s_recipe_lies_below_typed_overlays_in_their_order_and_is_recorded_as_they_are(tmp_path):
    write_cohort(tmp_path / "data")
    for name, value in (("one", 0.3), ("two", 0.4)):
        (tmp_path / f"{name}.yaml").write_text(f"flip_prob: {value}\n")
    one, two = (str(tmp_path / f"{name}.yaml") for name in ("one", "two"))

    def made(recipe, *overlays):
        rows = ["pretrain+hybrid"]
        return LabelFractions(
            "radiomics_deep_contrast", tmp_path / "data", tmp_path / "out", rows, overlays=overlays, recipe=recipe
        )

    run, paper = made("paper", f"train:{one}"), ["pretrain:paper", "train:paper"]
    assert run._identity()["overlays"] == [*paper, f"train:{one}"]
    assert run._identity() == made("default", *paper, f"train:{one}")._identity()
    assert (run.config_of("train")["weight_decay"], run.config_of("train")["flip_prob"]) == (0.0, 0.3)
    assert run.config_of("pretrain")["flip_prob"] == 0.0
    for overlays, expected in (((f"train:{one}", two), 0.4), ((two, f"train:{one}"), 0.3)):
        assert made("default", *overlays).config_of("train")["flip_prob"] == expected


def test_a_recipe_that_a_bundle_lacks_is_one_line(tmp_path):
    folder, data = write_bundle(tmp_path / "bundle"), write_cohort(tmp_path / "data")
    with pytest.raises(
        InputError, match=r"^recipe: found paper; \S+/bundle/paper.yaml has none; expected default; .*$"
    ):
        LabelFractions(folder, data, tmp_path / "out", ["scratch"], recipe="paper")
    with pytest.raises(InputError, match="recipe: found 'papr'; expected default or paper; correct it"):
        LabelFractions(folder, data, tmp_path / "out", ["scratch"], recipe="papr")
