"""Settings of the stages of a comparison."""

from __future__ import annotations

import subprocess
import sys

from common.evaluation import LabelFractions
from tests.common.evaluation.protocols.fake_bundle import write_cohort


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
