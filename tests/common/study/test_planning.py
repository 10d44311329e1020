"""Options of a study, checked before anything is measured."""

from __future__ import annotations

import pytest

from common.bundle_configs import BundleConfigs
from common.errors import InputError, OptionError
from common.study.machine import describe_machine
from common.study.planning import _check_options, _measurable
from common.study.protocol import read_protocol
from tests.common.study.builders import facts, plan

BUNDLES = ("liver_cgc", "mlsscl_3d", "radiomics_deep_contrast", "siam3d_imbalance")


@pytest.mark.parametrize("bundle", BUNDLES)
@pytest.mark.parametrize("recipe", ["default", "paper"])
def test_the_bundles_own_options_and_epochs_are_accepted(bundle, recipe):
    configs = BundleConfigs(bundle)
    overlays = [*read_protocol(configs, "classification").overlays, *configs.recipe(recipe)]
    options = {"settings": {"device": "cpu"}, "pretrain": {"max_epochs": 3}, "train": {"validation_fraction": 0.2}}
    _check_options(configs, plan(bundle=bundle, overlays=overlays, **options))


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"train": {"validation_fraction": "a fifth"}}, "validation_fraction: found 'a fifth'; expected a number"),
        ({"pretrain": {"max_epochs": "ten"}}, "max_epochs: found 'ten'; expected a whole number"),
        ({"settings": {"batch_size": [4]}}, r"batch_size: found \[4\]; expected a whole number"),
        (
            {"settings": {"bach_size": 4}},
            r"--bach_size: .* a config of siam3d_imbalance has .*; did you mean batch_size\?",
        ),
        ({"train": {"max_epoch": 4}}, r"--train max_epoch: neither .*; did you mean max_epochs\?"),
        ({"settings": {"seed": 1}}, r"--seed: found one for all runs; expected none, as seeds \(--seeds\) has"),
        ({"train": {"validation_fraction": 0.7}}, "--train validation_fraction: found 0.7; expected .* from 0 to 0.5"),
        ({"fractions": [2]}, r"--fractions: found \[2\]; expected more than 0, at most 1"),
        ({"train": {"fold": 1}}, "--train fold: found one for all runs; expected none, as folds in plan.yaml"),
    ],
)
def test_an_option_of_another_type_and_one_that_is_the_studys_own_are_refused(part, words):
    with pytest.raises(OptionError, match=words):
        _check_options(BundleConfigs("siam3d_imbalance"), plan(**{"settings": {}, "pretrain": {}, "train": {}, **part}))


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_there_is_one_line(tmp_path, device):
    with pytest.raises(InputError, match=f"device: found '{device}'; expected cpu, or .*; set --device cpu"):
        describe_machine(tmp_path, device)


@pytest.mark.parametrize(
    ("sample", "kept", "words"),
    [
        ({}, ["outline"], "composition, as most masks have one label; modality_differences, as there is one modality"),
        ({"composed": True, "channels": 2}, ["outline", "composition", "modality_differences"], None),
        (
            {"lesion_extent": None, "channels": 2},
            [],
            "outline and composition and modality_differences, as images have",
        ),
    ],
)
def test_rows_of_numbers_that_a_cohort_cannot_have_are_left_out_with_the_reason(sample, kept, words):
    methods = ["outline", "composition", "modality_differences"]
    found = _measurable(plan(methods=methods, reasons={}), facts(sample=sample).cohort)
    assert found.methods == kept
    assert found.reasons.get("methods", "").startswith(words) if words else "methods" not in found.reasons
