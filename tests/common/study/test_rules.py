"""Rules that choose settings by the cohort and the machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.bundle_configs import BundleConfigs
from common.errors import InputError
from common.evaluation.protocols.read_methods import MEASURED
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


def test_a_short_axis_has_clips_of_half_of_its_slices():
    sample = {"shape": [64, 60, 20], "spacing_ratio": 1.0, "spacing": [1.0] * 3, "zero_share": 0.3}
    values = chosen(["volume", "clips"], facts(CPU, sample))
    size = values["", "image_size"]
    assert size == [64, 64, 32] and values["pretrain", "clip_size"] == [64, 64]
    assert ("pretrain", "num_slices") not in values  # 16 slices, half of 32
    assert ("", "crop_foreground") not in values  # images have a black border
    short = replace(facts(CPU, sample), chosen={"image_size": [64, 64, 20]})
    values = chosen(["clips"], short)
    assert values["pretrain", "num_slices"] == 10 and 9 * values["pretrain", "long_stride"] < 20


def test_images_of_other_voxels_are_measured_in_those_that_were_chosen():
    sample = {"shape": [100, 80, 40], "spacing": [1.0, 1.0, 2.0], "spacing_ratio": 1.5, "complete": False}
    found = facts(GPU, sample)
    values = chosen(["patch", "backbone", "structures"], found)
    assert values["", "spacing"] == [1.3] * 3  # the cube root of 2, two digits
    # superior 40 * 2 / 1.3 = 61.5, right 100 / 1.3 = 76.9, anterior 80 / 1.3 = 61.5, in steps of 2**3
    assert values["", "roi_size"] == [64, 80, 64] and ("", "channels") not in values
    typed = replace(found, chosen={"spacing": None})  # the scanner's
    assert chosen(["patch"], typed, ["spacing"])["", "roi_size"] == [40, 104, 80]
    image = {**sample, "spacing": [1.0, 1.0, 4.0], "spacing_ratio": 1.0}  # 1.6 mm: 62.5, 50, 100 voxels
    assert chosen(["volume"], facts(GPU, image))["", "image_size"] == [64, 64, 112]
    assert ("", "image_metrics") not in values and values["pretrain", "label"] == "ignored"
    assert chosen(["backbone"], facts(CPU))["", "channels"] == [16, 32, 64, 128]
    large = {"shape": [200, 200, 200], "spacing": [1.0] * 3, "spacing_ratio": 1.0}
    assert chosen(["patch"], facts(CPU, large))["", "patches_per_volume"] == 4  # 64**3 voxels of 200**3


def test_modalities_have_their_own_mean_and_deviation_where_the_network_normalises():
    sample = {"scaled": [[0.3, 0.2], [0.5, 0.1]], "channels": 2}
    found = facts(CPU, sample, modalities=["T1", "T2"], missing={"T2": 3, "T1": 1})
    assert chosen(["modalities"], found) == {("", "missing"): "zeros"}  # no config has a mean
    normalised = replace(found, defaults={"train": {"mean": [0.0], "std": [1.0]}})
    values = chosen(["modalities"], normalised)
    assert values["", "modalities"] == ["T1", "T2"]
    assert (values["", "mean"], values["", "std"]) == ([0.3, 0.5], [0.2, 0.1])
    assert values["", "apply_mask"] is False  # lesions of 10 x 12 in images of 50 x 60
    organs = replace(normalised.cohort.sample, lesion_median=[30, 12, 4])
    organs = replace(normalised, cohort=replace(normalised.cohort, sample=organs))
    assert ("", "apply_mask") not in chosen(["modalities"], organs)


@pytest.mark.parametrize(("median", "number"), [(1, 3), (7, 7), (30, 10)])
def test_slices_of_a_lesion_are_channels_three_to_ten_of_them(median, number):
    values = chosen(["lesion_slices"], facts(CPU, {"lesion_median": [10, 12, median]}))
    assert values == {("", "lesion_slices"): number, ("", "in_channels"): number}


def test_slices_that_were_typed_are_as_many_channels():
    typed = replace(facts(CPU), chosen={"lesion_slices": 1})
    assert chosen(["lesion_slices"], typed, ["lesion_slices"]) == {("", "in_channels"): 1}


def test_a_picture_has_no_slices_and_a_cohort_without_lesions_no_box():
    assert chosen(["lesion_slices"], facts(CPU, {"spatial_dims": 2})) == {}
    without = facts(CPU, {"lesion_extent": None, "lesion_median": None})
    assert chosen(["lesion_box", "lesion_slices"], without) == {}
    assert ("", "image_size") not in chosen(["lesion_picture"], without)


def test_the_picture_of_a_lesion_is_its_median_box_and_a_cpu_has_a_smaller_network():
    sample = {"lesion_median": [70, 50, 9]}
    assert chosen(["lesion_picture"], facts(GPU, sample)) == {("", "image_size"): [80, 64]}
    values = chosen(["lesion_picture"], facts(CPU, {"lesion_median": [300, 150, 9]}))
    rows, columns = values["", "image_size"]
    assert rows > columns and rows * columns <= 64 * 64
    assert (values["", "depth"], values["", "widen_factor"]) == (18, 0.5)


def test_an_undistorted_picture_is_smaller_on_a_cpu_and_as_the_overlay_has_it_on_a_gpu():
    for chosen_before in ({"lesion_share": 0.7}, {"pretrained_weights": "imagenet"}):
        assert chosen(["lesion_picture"], replace(facts(GPU), chosen=chosen_before)) == {}
        small = chosen(["lesion_picture"], replace(facts(CPU), chosen=chosen_before))
        assert small == {("", "image_size"): [128, 128]}


def test_a_slice_is_the_median_image_that_a_device_can_take():
    assert chosen(["slice_picture"], facts(GPU)) == {("", "image_size"): [64, 64]}  # 50 x 60 in steps of 16
    values = chosen(["slice_picture"], facts(CPU, {"shape": [512, 256, 30]}))
    rows, columns = values["", "image_size"]
    assert values["", "model_name"] == "efficientnet-b0" and rows % 16 == columns % 16 == 0
    assert 1.5 < rows / columns < 2.5 and 0.7 * 128**2 < rows * columns <= 128**2


def test_a_ct_without_masks_has_a_window_from_air_to_bone_and_a_network_without_scaling_has_none():
    window = chosen(["intensities"], facts(CPU, {"lesion_intensities": None}))["", "scale_intensity"]
    assert (window["a_min"], window["a_max"]) == (-1000.0, 400.0)
    assert chosen(["intensities"], replace(facts(), defaults={"train": {}})) == {}


def test_a_processor_with_bfloat16_uses_it_and_a_gpu_is_left_to_the_config():
    assert chosen(["memory"], facts(replace(CPU, bfloat16=True)))["", "amp"] is True
    assert ("", "amp") not in chosen(["memory"], facts(replace(GPU, bfloat16=True)))


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
            for name in ({start} - {*MEASURED, "scratch", "imagenet"}) | set(overlays):
                configs.path(name)


def test_an_unknown_rule_is_one_line():
    with pytest.raises(InputError, match=r"rules: found box, expected one of backbone, .*correct it"):
        choose(["box"], facts(), {})


@pytest.mark.parametrize(
    ("sample", "standardized"),
    [
        ({"intensities": [[0.0, 300.0, 1900.0], [0.0, 5.0, 9.0]]}, True),
        ({"intensities": [[float("nan")] * 3, [0.0, 300.0, 1900.0]]}, True),
        ({"intensities": [[-2.0, 0.0, 3.0]] * 2}, False),  # z-scores
        ({"intensities": [[0.0, 90.0, 255.0]] * 2, "stored": ["uint8"]}, False),
        ({"intensities": [[0.0, 300.0, 1900.0]], "channels": 1}, False),
    ],
)
def test_modality_differences_are_those_of_z_scores_where_units_are_a_scanners_own(sample, standardized):
    values = chosen(["differences"], facts(sample={"channels": 2, **sample}))
    assert values == ({("", "standardize"): True} if standardized else {})
