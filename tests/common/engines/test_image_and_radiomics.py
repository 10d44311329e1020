from __future__ import annotations

import pytest
import torch
from ignite.engine import Events
from monai.data import MetaTensor
from monai.engines import SupervisedTrainer
from torch import nn

from common.engines import PrepareImageAndRadiomics
from common.errors import InputError


def batch() -> dict[str, torch.Tensor]:
    return {
        "image": torch.zeros(2, 1, 4, 4, dtype=torch.float16),
        "radiomics": torch.rand(2, 3, dtype=torch.float64),
        "index": torch.tensor([7, 3]),
        "label": torch.tensor([0, 1]),
    }


def test_the_image_is_augmented_and_the_radiomics_are_not():
    data = batch()
    image, index, (radiomics,), kwargs = PrepareImageAndRadiomics(lambda image: image + 1)(data, "cpu")
    assert torch.equal(image, torch.ones(2, 1, 4, 4)) and index.tolist() == [7, 3] and kwargs == {}
    assert torch.equal(radiomics, data["radiomics"].float())


@pytest.mark.parametrize(("target", "expected"), [("index", [7, 3]), ("label", [0, 1])])
def test_the_target_is_the_one_asked_for(target, expected):
    assert PrepareImageAndRadiomics(target=target)(batch())[1].tolist() == expected


def test_without_labels_the_target_is_none_for_inference():
    data = batch()
    del data["label"]
    assert PrepareImageAndRadiomics(target="label")(data)[1] is None


def test_metadata_and_layout_are_as_for_images_alone():
    data = batch() | {"image": MetaTensor(torch.rand(2, 3, 4, 4)), "radiomics": MetaTensor(torch.rand(2, 3))}
    image, _, (radiomics,), _ = PrepareImageAndRadiomics(memory_format=torch.channels_last)(data)
    assert image.is_contiguous(memory_format=torch.channels_last)
    assert not isinstance(image, MetaTensor) and not isinstance(radiomics, MetaTensor)


def test_monai_s_trainer_calls_the_network_with_both():
    class Network(nn.Linear):
        def forward(self, image, radiomics):
            return super().forward(torch.cat([image.flatten(1), radiomics], dim=1))

    network = Network(19, 2)
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=1,
        train_data_loader=[batch()],
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=0.1),
        loss_function=nn.CrossEntropyLoss(),
        prepare_batch=PrepareImageAndRadiomics(target="label"),
        decollate=False,
    )
    seen = []
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: seen.append(engine.state.output["loss"]))
    trainer.run()
    assert seen[0].isfinite()


@pytest.mark.parametrize(
    ("target", "key", "message"),
    [
        ("label", "radiomics", "a batch without radiomics, only image, index, label"),
        ("index", "index", "a batch without index, only image, radiomics, label"),
    ],
)
def test_a_batch_that_lacks_something_is_one_line(target, key, message):
    data = batch()
    del data[key]
    with pytest.raises(InputError, match=message):
        PrepareImageAndRadiomics(target=target)(data)


def test_an_unknown_target_is_one_line():
    with pytest.raises(InputError, match="target: 'mask'; expected one of index, label"):
        PrepareImageAndRadiomics(target="mask")
