"""Rules that choose settings by the cohort and the machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.bundle_configs import BundleConfigs
from common.errors import InputError
from common.study.protocol import read_protocol
from common.study.rules import RULES, choose
from tests.common.study.builders import CPU, DEFAULTS, GPU, facts

BUNDLES = ("liver_cgc", "mlsscl_3d", "radiomics_deep_contrast", "siam3d_imbalance")


def chosen(names, found, fixed=()):
    return {(choice.stage, choice.name): choice.value for choice in choose(names, found, dict.fromkeys(fixed))}


def test_box_holds_the_lesions_with_a_margin_in_common_voxels_and_is_no_larger_than_the_images():
    values = chosen(["lesion_box"], facts(GPU))
    assert values["", "spacing"] == [1.1] * 3  # cube root of 0.8 * 0.8 * 2.0, two digits
    # 1.25 * (18, 20, 15) mm / 1.1 mm = (20.5, 22.7, 17.0), in steps of 8
    assert values["", "box_size"] == [24, 24, 24]
    assert ("", "image_size") not in values
    large = facts(GPU, {"lesion_extent_mm": [200.0, 200.0, 200.0]})
    assert chosen(["lesion_box"], large)["", "box_size"] == [48, 48, 48]  # 64 * 0.8, 24 * 2.0 mm of the largest image


def test_equal_voxels_are_kept_as_the_scanner_has_them():
    values = chosen(["lesion_box"], facts(CPU, {"spacing_ratio": 1.05, "spacing": [1.0, 1.0, 1.5]}))
    assert ("", "spacing") not in values
    assert values["", "box_size"] == [32, 32, 16]  # 1.25 * (20, 22, 8) voxels


def test_a_cpu_sees_smaller_images_of_the_same_aspect_and_a_gpu_the_box():
    sample = {"lesion_extent": [70, 70, 35], "largest_shape": [200, 200, 200], "spacing_ratio": 1.0}
    sample["spacing"] = [1.0, 1.0, 1.0]
    small = chosen(["lesion_box"], facts(CPU, sample))["", "image_size"]
    assert small[0] == small[1] > small[2] and small[0] * small[1] * small[2] <= 32**3
    assert ("", "image_size") not in chosen(["lesion_box"], facts(GPU, sample))


def test_ct_has_the_window_of_its_lesions_and_mr_keeps_its_own_scaling():
    window = chosen(["intensities"], facts())["", "scale_intensity"]
    assert (window["a_min"], window["a_max"], window["b_min"], window["b_max"]) == (-810.0, 350.0, 0.0, 255.0)
    assert chosen(["intensities"], facts(CPU, {"intensities": [[0.0, 200.0, 900.0]]})) == {}
    eight_bits = facts(CPU, {"intensities": [[0.0, 20.0, 200.0]], "stored": ["uint8"]})
    assert chosen(["intensities"], eight_bits)["", "scale_intensity"]["a_max"] == 255.0


def test_batches_leave_some_steps_and_small_cohorts_keep_the_last_epoch():
    few = facts(subjects=30, images=30, classes={"0 a": 20, "1 b": 10})  # 24 in training
    values = chosen(["batches"], few)
    assert values == {("pretrain", "batch_size"): 6, ("train", "batch_size"): 4, ("train", "validation_fraction"): 0.0}
    many = facts(subjects=1000, images=1000, classes={"0 a": 500, "1 b": 500})
    assert chosen(["batches"], many) == {}  # the defaults


def test_unlabelled_subjects_are_counted_for_the_pre_training_alone():
    found = facts(subjects=100, images=100, unlabelled=50)
    assert (found.training_images, found.pretraining_images) == (40, 90)


def test_a_cohort_larger_than_the_memory_is_stored_in_half_precision_then_on_the_disk():
    fits = facts(replace(CPU, memory_gb=1.0))
    assert chosen(["memory"], fits, ["amp"]) == {}
    half = facts(replace(CPU, memory_gb=0.5))  # 100 images of 96**3 voxels: 0.354 GB, of which half are allowed
    assert chosen(["memory"], half) == {("", "storage_dtype"): "$torch.float16"}
    disk = chosen(["memory"], facts(replace(CPU, memory_gb=0.2)))  # 0.1 of 0.177 GB
    assert disk == {("", "storage_dtype"): "$torch.float16", ("", "cache"): "disk"}


def test_what_the_user_sets_is_not_chosen_and_a_default_is_no_choice():
    assert ("", "box_size") not in chosen(["lesion_box"], facts(), ["box_size"])
    same = replace(facts(), defaults={**DEFAULTS, "pretrain": {**DEFAULTS["pretrain"], "box_size": [24, 24, 24]}})
    assert ("", "box_size") not in chosen(["lesion_box"], same)


def test_patch_is_the_median_volume_along_superior_right_anterior():
    sample = {"shape": [35, 50, 36], "spacing": [1.0, 1.0, 1.0], "spacing_ratio": 1.0, "complete": True}
    values = chosen(["patch", "unet", "structures"], facts(CPU, sample))
    assert values["", "roi_size"] == [40, 40, 56]  # S, R, A in steps of 8
    assert values["", "channels"] == [16, 32, 64, 128]  # 35 / 2**3 is at least 4
    assert values["", "patches_per_volume"] == 1
    assert values["", "image_metrics"]["_target_"] == "common.evaluation.structure_metrics"


def test_strides_span_the_shortest_axis():
    values = chosen(
        ["volume", "clips"], facts(CPU, {"shape": [64, 60, 50], "spacing_ratio": 1.0, "spacing": [1.0] * 3})
    )
    size, long = values["", "image_size"], values["pretrain", "long_stride"]
    assert size == [64, 64, 64] and 15 * long < min(size) <= 15 * (long + 1)
    assert values["pretrain", "short_stride"] < long


@pytest.mark.parametrize("bundle", BUNDLES)
def test_each_bundle_names_rules_and_methods_that_exist(bundle):
    configs = BundleConfigs(bundle)
    for task in ("classification", "segmentation"):
        try:
            protocol = read_protocol(configs, task)
        except InputError:
            continue
        assert set(protocol.rules) <= RULES.keys()
        for text in protocol.methods:
            start, *overlays = text.removesuffix("+linear_probe").split("+")
            for name in ({start} - {"scratch", "radiomics", "imagenet"}) | set(overlays):
                configs.path(name)


def test_an_unknown_rule_is_one_line():
    with pytest.raises(InputError, match=r"rules: found box, expected one of backbone, .*correct it"):
        choose(["box"], facts(), {})
