"""Positive and negative controls of MLSSCL: its own configs learn what the clips of a volume share, and only that."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.bundles.shared.controls import Learnt, compare, shuffle_labels, write_cohort

pytestmark = pytest.mark.slow

SIZE, NUM_SUBJECTS, FRACTION = 16, 240, 0.05  # six of 120 subjects keep their label; the others are the test set
ROW = "MLSSCL + linear probe"
# Sizes alone: losses, rates, momentum, queue and augmentation are those of the configs. A fine-tuning has 60 steps.
SIZES = {"image_size": [SIZE] * 3, "channels": [8, 16, 16, 32]}
CLIPS = {"num_slices": 8, "long_stride": 2, "short_stride": 1, "clip_size": [SIZE, SIZE]}
PRETRAIN = {"max_epochs": 25, "batch_size": 30}
TRAIN = {"max_epochs": 60, "validation_fraction": 0}


def texture(label: int, rng: np.random.Generator, coarse: float = 7.0) -> np.ndarray:
    """Fine or coarse waves of all directions, which every clip shows at other places and with other noise."""
    frequencies = np.sqrt(sum(axis**2 for axis in np.meshgrid(*[np.fft.fftfreq(SIZE)] * 3)))
    wanted = 1 / ((coarse if label else 3.5) * np.exp(0.05 * rng.normal()))
    kept = np.exp(-0.5 * ((frequencies / wanted - 1) / 0.15) ** 2)
    waves = np.fft.ifftn(np.fft.fftn(rng.normal(size=(SIZE,) * 3)) * kept).real
    return waves / waves.std() + 0.55 * noise(label, rng)


def noise(label: int, rng: np.random.Generator) -> np.ndarray:
    """Noise, the same for both classes."""
    return rng.normal(size=(SIZE,) * 3)


def make(folder: Path, draw=texture) -> Path:
    rng = np.random.default_rng(0)
    labels = [number % 2 for number in range(NUM_SUBJECTS)]
    return write_cohort(folder, [[draw(label, rng).astype(np.float32) + 10] for label in labels], labels)


def run(cohort: Path, folder: Path, methods: Sequence[str], pretrained: Learnt | None = None) -> Learnt:
    options = {"fractions": [FRACTION], **SIZES, "cache_dir": str(folder / "cache")}
    stages = {"pretrain": PRETRAIN | CLIPS, "train": TRAIN}
    return compare("mlsscl_3d", cohort, folder / "output", methods, pretrained, **stages, **options)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Path:
    return make(tmp_path_factory.mktemp("textures"))


@pytest.fixture(scope="module")
def learnt(cohort, tmp_path_factory) -> Learnt:
    return run(cohort, tmp_path_factory.mktemp("learnt"), ["scratch", "mlsscl+linear_probe", "mlsscl"])


# Cohorts of three seeds: gains of 0.28 to 0.33 with lower ends from 0.23, AUC from 0.99; kNN rises from 0.51-0.60 to
# 0.97-1.00, and in one run ends at 0.53 with a learning rate of 0. With pairs of different subjects it ended at 0.62,
# and with AVX2 at 0.80 and 0.68. Where textures are more alike it ends at 0.96, and with such pairs at 0.58 and 0.59.
@pytest.mark.parametrize("row", [ROW, "MLSSCL + fine-tuned"])
def test_pretraining_beats_scratch_at_few_labels_beyond_the_interval(learnt, row):
    assert learnt.gain(row, FRACTION)["low"] > 0.1
    assert learnt.auc(row, FRACTION)["low"] > 0.9


def test_neighbours_agree_on_the_class_after_pretraining_and_not_before(learnt):
    scores = learnt.neighbours("mlsscl")
    assert scores[0] < 0.7
    assert np.mean(scores[-5:]) > 0.9


def test_shuffled_labels_score_like_chance_with_the_same_encoder(learnt, cohort, tmp_path):
    shuffled = run(shuffle_labels(cohort, tmp_path / "shuffled", seed=0), tmp_path, ["mlsscl+linear_probe"], learnt)
    assert shuffled.auc(ROW, FRACTION)["low"] < 0.5 < shuffled.auc(ROW, FRACTION)["high"]


def test_noise_teaches_nothing_about_classes_that_it_does_not_show(tmp_path):
    nothing = run(make(tmp_path / "cohort", noise), tmp_path, ["mlsscl+linear_probe"])
    assert nothing.auc(ROW, FRACTION)["low"] < 0.5 < nothing.auc(ROW, FRACTION)["high"]
    assert np.mean(nothing.neighbours("mlsscl")[-5:]) < 0.65


def test_pairs_of_different_subjects_teach_nothing_and_the_log_says_so(configs, run_config, tmp_path, caplog):
    """On textures that are more alike: of the others, features that have learnt nothing know enough, up to 0.80."""
    cohort = make(tmp_path / "cohort", partial(texture, coarse=5.5))
    shuffled = {"_target_": "tests.bundles.shared.controls.ShuffledPairs", "prepare": "@prepare_batch"}
    run_config(
        configs / "pretrain.yaml",
        dataset_dir=cohort,
        output_dir=tmp_path / "output",
        cache_dir=tmp_path / "cache",
        quiet=True,
        **SIZES,
        **PRETRAIN,
        **CLIPS,
        train__trainer__prepare_batch=shuffled,
    )
    last = pd.read_csv(tmp_path / "output" / "metrics.csv").tail(5).mean()
    assert last["knn_balanced_accuracy"] < 0.75
    assert last["own_key_rank"] > 0.42
    assert f"epoch {PRETRAIN['max_epochs']}: nothing is learnt" in caplog.text
