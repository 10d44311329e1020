from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

from common.data import load_datalist
from common.data.cohorts import npz_datalist
from common.errors import InputError


def archive(path, shape=(5, 6, 7), parts=(("train", 8), ("val", 4)), **more):
    rng = np.random.default_rng(0)
    content = {}
    for name, count in parts:
        content[f"{name}_images"] = rng.integers(0, 256, (count, *shape)).astype(np.uint8)
        content[f"{name}_labels"] = (np.arange(count)[:, None] % 2).astype(np.uint8)
    np.savez(path, **(content | more))
    return path


def test_every_image_is_written_as_it_is_with_its_label_and_part(tmp_path):
    source = archive(tmp_path / "a.npz")
    path = npz_datalist(source, tmp_path / "out", class_names=("normal", "ill"), spacing=2.0, num_folds=2)
    training, testing = (load_datalist(path, section=name, label="required") for name in ("training", "testing"))
    assert (len(training), len(testing)) == (8, 4) and {row["fold"] for row in training} == {0, 1}
    with np.load(source) as content:
        for rows, part in ((training, "train"), (testing, "val")):
            for row, image, label in zip(rows, content[f"{part}_images"], content[f"{part}_labels"], strict=True):
                written = nib.load(row["image"])
                assert np.array_equal(np.asarray(written.dataobj), image.T) and row["label"] == label[0]
                assert written.header.get_zooms() == (2.0, 2.0, 2.0)
    assert json.loads(path.read_text())["labels"] == {"0": "normal", "1": "ill"}


def test_the_test_part_is_for_testing_where_there_is_one_and_all_others_are_for_training(tmp_path):
    source = archive(tmp_path / "a.npz", parts=(("train", 6), ("val", 4), ("test", 2)))
    path = npz_datalist(source, tmp_path / "out", num_folds=2)
    sizes = [len(load_datalist(path, section=name, check="none")) for name in ("training", "testing")]
    assert sizes == [10, 2]
    path = npz_datalist(source, tmp_path / "out", testing="val", num_folds=2)
    assert len(load_datalist(path, section="testing", check="none")) == 4


def test_slices_become_images_of_two_axes(tmp_path):
    path = npz_datalist(archive(tmp_path / "a.npz", shape=(9, 8)), tmp_path / "out", num_folds=2)
    assert len(load_datalist(path, spatial_dims=2)) == 8


def test_a_run_goes_on_where_it_was_interrupted(tmp_path, monkeypatch):
    source, written = archive(tmp_path / "a.npz"), []

    def writes(path, *rest):
        if len(written) == 5:
            raise KeyboardInterrupt
        written.append(path)
        return write_nifti(path, *rest)

    from common.images.nifti import write_nifti

    monkeypatch.setattr("common.data.cohorts.npz.write_nifti", writes)
    with pytest.raises(KeyboardInterrupt):
        npz_datalist(source, tmp_path / "out", num_folds=2)
    monkeypatch.setattr("common.data.cohorts.npz.write_nifti", lambda path, *rest: written.append(path))
    npz_datalist(source, tmp_path / "out", num_folds=2)
    assert len(written) == len(set(written)) == 12


def test_another_archive_in_the_same_folder_is_refused(tmp_path):
    npz_datalist(archive(tmp_path / "a.npz"), tmp_path / "out", num_folds=2)
    with pytest.raises(InputError, match="found images of another archive or spacing"):
        npz_datalist(archive(tmp_path / "b.npz", shape=(6, 6, 6)), tmp_path / "out", num_folds=2)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"train_labels": np.zeros((7, 1), dtype=int)}, r"train_labels: found int64 of shape \(7, 1\)"),
        ({"train_images": np.zeros((8, 4, 4, 3), dtype=np.uint8)}, r"train_images: found shape \(8, 4, 4, 3\)"),
        ({"train_images": np.array([{"a": 1}] * 8, dtype=object)}, "found no MedMNIST archive"),
    ],
)
def test_archives_of_another_kind_are_reported(tmp_path, more, message):
    with pytest.raises(InputError, match=message):
        npz_datalist(archive(tmp_path / "a.npz", **more), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_wrong_arguments_are_reported(tmp_path):
    source = archive(tmp_path / "a.npz")
    with pytest.raises(InputError, match="found the parts train, val, expected test and another"):
        npz_datalist(source, tmp_path / "out", testing="test")
    with pytest.raises(InputError, match="class_names: found 1, expected 2"):
        npz_datalist(source, tmp_path / "out", class_names=("one",))
    with pytest.raises(InputError, match="found no such file"):
        npz_datalist(tmp_path / "none.npz", tmp_path / "out")
    with pytest.raises(InputError, match=r"out\.json: found the name of a JSON file, expected a folder"):
        npz_datalist(source, tmp_path / "out.json")


def test_the_real_archive_has_the_parts_it_is_said_to_have(shared_data, tmp_path):
    source = shared_data / "medmnist" / "adrenalmnist3d_64_trainval.npz"
    with np.load(source) as content:  # a few of the smaller part, as all would take long
        images, labels = content["val_images"], content["val_labels"]
    few = {"train_images": images[:12], "train_labels": labels[:12]}
    few |= {"val_images": images[12:15], "val_labels": labels[12:15]}
    np.savez(tmp_path / "few.npz", **few)
    path = npz_datalist(tmp_path / "few.npz", tmp_path / "out", class_names=("normal", "hyperplasia"), num_folds=2)
    rows = load_datalist(path, label="required")
    assert len(rows) == 12 and nib.load(rows[0]["image"]).shape == (64, 64, 64)
