"""What a classifier prepares without metadata equals what the transforms of its config prepare with it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor, get_track_meta
from monai.transforms import Compose, Lambda, LambdaD, Orientationd, ResizeWithPadOrCropd, Spacingd

from common.deploy.prediction.preprocessing import Preprocessing
from common.images.image_files import datalist_rows
from tests.bundles.bundle_files import BUNDLES

WITH_SAMPLES = [bundle for bundle in BUNDLES if (bundle / "samples/datalist.json").is_file()]


def written(bundle: Path) -> Compose:
    parser = ConfigParser()
    parser.read_config(bundle / "configs/inference.json")
    compose = parser.get_parsed_content("preprocessing")
    assert isinstance(compose, Compose)
    return compose


@pytest.mark.parametrize("bundle", WITH_SAMPLES, ids=lambda path: path.name)
def test_the_input_of_the_network_is_bit_for_bit_that_of_the_config(bundle):
    as_written = written(bundle)
    preprocessing = Preprocessing(as_written)
    for name, row in datalist_rows(bundle / "samples/datalist.json"):
        row = {**row, "subject": name}
        found, expected = preprocessing(dict(row)), as_written(dict(row))
        assert type(found["image"]) is torch.Tensor and torch.equal(found["image"], expected["image"])
        assert found.keys() == expected.keys()


def test_only_what_follows_the_last_transform_of_geometry_sees_plain_tensors():
    seen = []

    def look(image):
        seen.append(type(image))
        return image

    steps = [Orientationd("image", axcodes="LPS", labels=None), LambdaD("image", look), Spacingd("image", pixdim=2.0)]
    crop = ResizeWithPadOrCropd("image", spatial_size=(3, 3, 3))
    image = MetaTensor(torch.rand(1, 6, 7, 8), affine=torch.diag(torch.tensor([1.0, 1.5, 1.0, 1.0])))
    compose = Compose([*steps, crop])
    found, expected = Preprocessing(compose)({"image": image}), compose({"image": image})
    assert seen == [MetaTensor, MetaTensor] and isinstance(expected["image"], MetaTensor)
    assert type(found["image"]) is torch.Tensor and torch.equal(found["image"], expected["image"].as_tensor())
    half = Preprocessing(compose)({"image": image}, end=3)
    assert isinstance(half["image"], MetaTensor)
    assert torch.equal(Preprocessing(compose)(half, start=3)["image"], found["image"])


def test_no_image_is_oriented_while_another_thread_works_without_metadata():
    within, oriented, tracked = threading.Event(), threading.Event(), []

    def orient(image):
        tracked.append(get_track_meta())
        oriented.set()
        return image

    def wait(row):
        within.set()
        oriented.wait(0.2)  # in vain, as the other thread waits
        return row

    first, second = (Preprocessing(Compose([step])) for step in (Lambda(wait), LambdaD("image", orient)))
    threads = [threading.Thread(target=first, args=({},))]
    threads.append(threading.Thread(target=lambda: within.wait() and second({"image": torch.zeros(1, 2)})))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tracked == [True] and get_track_meta()


def test_metadata_are_tracked_again_after_a_failure():
    with pytest.raises(RuntimeError):
        Preprocessing(Compose([ResizeWithPadOrCropd("picture", spatial_size=3)]))({"image": torch.zeros(1, 2)})
    assert get_track_meta()
