"""Preprocessed images on disk, which the stages and runs of a bundle share."""

from __future__ import annotations

import torch

STAGES = {
    "pretrain": ["train#dataset"],
    "train": ["train#dataset", "validate#dataset"],
    "evaluate": ["dataset"],
    "extract_features": ["dataset"],
}
EVERYONE = {"all_subjects": True, "allow_training_subjects": True}  # that files of the training are found
OPTIONS = {"train": {"validation_fraction": 0.25}, "evaluate": EVERYONE}


class SharedImages:
    """Test of ``test_properties.py``."""

    #: one for each image, and more where stages preprocess differently
    files: int
    stages = tuple(STAGES)  # whose images are whole after preprocessing

    def test_stages_share_images_which_are_bit_for_bit_those_of_a_run_without_files(
        self, open_bundle, configs, tiny, trained_for, tmp_path
    ):
        options = tiny | {"output_dir": tmp_path / "output"}
        for stage in self.stages:
            names = STAGES[stage]
            own = options | {"checkpoint": trained_for(f"{stage}.yaml")} | OPTIONS.get(stage, {})
            places = {f"{name}#cache_dir".replace("#", "__"): tmp_path / "files" for name in names}
            parsers = [
                open_bundle(configs / f"{stage}.yaml", cache=cache, **own, **places).parser
                for cache in ("none", "both", "disk")
            ]
            for name in names:
                plain, *others = (parser.get_parsed_content(name) for parser in parsers)
                for other in others:
                    for one, found in zip(plain, other, strict=True):
                        assert one.keys() == found.keys()
                        assert all(_same(one[key], found[key]) for key in one)
        assert len(list((tmp_path / "files").glob("*.npz"))) == self.files


def _same(one: object, other: object) -> bool:
    if not isinstance(one, torch.Tensor):
        return one == other
    return one.dtype == other.dtype and torch.equal(one, other)
