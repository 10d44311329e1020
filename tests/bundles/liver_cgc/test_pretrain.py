"""pretrain.yaml runs with every method and option."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from common.handlers import MomentumUpdate
from common.losses import NTXentLoss
from tests.bundles.shared.pretraining import SharedPretraining

LOSSES = {
    "SimSiam": (0, 8),
    "BYOL": (0, 8),
    "SimCLR": (0, 20),
}  # ranges; NT-Xent's has no bound, but starts near log(2N)


class TestPretraining(SharedPretraining):
    repeated = ("simsiam_mda.yaml",)


@pytest.mark.parametrize("method", ["SimSiam", "BYOL", "SimCLR"])
@pytest.mark.parametrize("mda", [True, False])
def test_each_method_runs_with_and_without_mda(pretrain, method, mda):
    overlay = method.lower() + ("_mda" if mda else "")
    workflow, output_dir = pretrain(f"{overlay}.yaml", **({} if mda else {"modality": "T2"}))
    assert workflow.parser["method"] == method + ("+" if mda else "")
    assert workflow.parser["pairs"] == ("different" if mda else "same")
    metrics = pd.read_csv(output_dir / "metrics.csv")
    assert list(metrics["iteration"]) == [4, 8]  # 15 subjects, 4 at a time
    assert metrics["loss"].between(*LOSSES[method]).all()
    assert {"feature_std", "effective_rank", "knn_accuracy", "learning_rate", "seconds"} <= set(metrics)
    weights = torch.load(output_dir / "model.pt", weights_only=True)
    assert any(name.startswith("target.") for name in weights) == (method == "BYOL")
    assert any(name.startswith("predictor.") for name in weights) == (method != "SimCLR")
    assert isinstance(workflow.trainer.loss_function, NTXentLoss) == (method == "SimCLR")


def test_the_target_of_byol_follows_the_encoder_slowly(pretrain):
    workflow, _ = pretrain("byol_mda.yaml", output="output", max_epochs=1, train__handlers__7__schedule="constant")
    network = workflow.network_def
    # one step more by hand, at the base fitted to four steps: target = 0.9 target + 0.1 online
    handler = next(h for h in workflow.train_handlers if isinstance(h, MomentumUpdate))
    expected = [0.9 * target + 0.1 * online for online, target in zip(*parameters(network), strict=True)]
    handler(workflow.trainer)
    for target, value in zip(network.target.parameters(), expected, strict=True):
        assert not target.requires_grad
        torch.testing.assert_close(target, value)
    assert any(not torch.equal(online, target) for online, target in zip(*parameters(network), strict=True))
    assert all(torch.equal(buffer, network.encoder.get_buffer(name)) for name, buffer in network.target.named_buffers())


def test_byol_takes_the_momentum_of_its_paper_when_asked(open_bundle, configs, tiny, tmp_path):
    for overlay in ("byol.yaml", "byol_mda.yaml"):
        files = [configs / "pretrain.yaml", configs / overlay]
        workflow = open_bundle(*files, momentum=0.996, batch_size=4, output_dir=tmp_path, **tiny)
        workflow.initialize()
        (handler,) = [h for h in workflow.train_handlers if isinstance(h, MomentumUpdate)]
        assert handler.momentum_at(0, 1000) == pytest.approx(0.996)


def parameters(network) -> tuple[list, list]:
    return list(network.encoder.parameters()), list(network.target.parameters())


@pytest.mark.parametrize("pairs", ["different", "independent", "same"])
def test_the_views_are_drawn_as_asked_and_normalised_by_their_modality(pairs, open_bundle, configs, tiny, tmp_path):
    options = tiny | {
        "pairs": pairs,
        "batch_size": 15,
        "output_dir": tmp_path,
        "mean": [0.1, 0.2, 0.3],
        "std": [1, 2, 4],
    }
    workflow = open_bundle(configs / "pretrain.yaml", augment=None, **options)
    workflow.initialize()
    batch = next(iter(workflow.parser.get_parsed_content("train#dataloader")))
    views, weights = workflow.parser.get_parsed_content("prepare_batch")(batch, "cpu")
    assert weights is None and all(view.shape == (15, 1, 32, 32) for view in views)
    normalised = (batch["image"] - torch.tensor(options["mean"]).view(3, 1, 1)) / torch.tensor(options["std"]).view(
        3, 1, 1
    )
    drawn = []
    for patient in range(15):
        found = [
            [m for m in range(3) if torch.allclose(view[patient, 0], normalised[patient, m], atol=1e-6)]
            for view in views
        ]
        assert [len(modalities) for modalities in found] == [1, 1]
        drawn.append((found[0][0], found[1][0]))
    equal = [first == second for first, second in drawn]
    assert {"different": not any(equal), "independent": any(equal) and not all(equal), "same": all(equal)}[pairs]
    assert len({first for first, _ in drawn}) == 3


def test_pretraining_starts_from_imagenet_weights_in_a_file(pretrain, tiny, open_bundle, configs, tmp_path, caplog):
    source = open_bundle(configs / "pretrain.yaml", output_dir=tmp_path / "source", **tiny | {"batch_size": 4})
    source.initialize()
    backbone = source.parser.get_parsed_content("backbone")
    torch.manual_seed(5)
    for parameter in backbone.parameters():
        torch.nn.init.normal_(parameter)
    state = {**backbone.state_dict(), "_fc.weight": torch.zeros(1000, 1280), "_fc.bias": torch.zeros(1000)}
    torch.save(state, tmp_path / "imagenet.pt")
    caplog.set_level("INFO")
    options = {"learning_rate": 0.0, "max_epochs": 1, "pretrained_weights": tmp_path / "imagenet.pt"}
    _, output_dir = pretrain("byol_mda.yaml", **options)
    weights = torch.load(output_dir / "model.pt", weights_only=True)
    for name, parameter in backbone.named_parameters():
        assert torch.equal(weights[f"encoder.encoder.{name}"], parameter), name
        torch.testing.assert_close(weights[f"target.encoder.{name}"], parameter)  # it starts from them too
    assert "ImageNet" in caplog.text


def test_without_a_file_the_log_says_that_the_start_is_random(pretrain, caplog):
    caplog.set_level("INFO")
    pretrain(max_epochs=1, output="output")
    assert "starts from random weights" in caplog.text


def test_volumes_give_the_slice_with_the_largest_region(open_bundle, configs, tiny, liver_volumes, tmp_path):
    def images(**overrides):
        options = tiny | {"dataset_dir": liver_volumes, "batch_size": 2, "output_dir": tmp_path, "cache_rate": 0.0}
        workflow = open_bundle(configs / "pretrain.yaml", **options | overrides)
        workflow.initialize()
        return [row["image"] for row in workflow.train_dataset]

    largest, third, lesion = images(), images(slice_index=3), images(mask_label=2)
    assert all(image.shape == (3, 32, 32) and 0.5 < image.max() <= 1 for image in largest + lesion)
    assert any(not torch.equal(one, other) for one, other in zip(largest, third, strict=True))
    assert any(not torch.equal(one, other) for one, other in zip(largest, lesion, strict=True))
    whole = images(apply_mask="false")
    assert all((one > 0).sum() > (other > 0).sum() for one, other in zip(whole, largest, strict=True))


def test_a_missing_modality_is_refused_or_replaced_by_zeros_and_never_drawn(
    open_bundle, configs, tiny, without_t2, error_lines, tmp_path, caplog
):
    _, line = error_lines(configs / "pretrain.yaml", **tiny | {"datalist": without_t2})
    assert "training[3]" in line and "T2" in line
    options = tiny | {"datalist": without_t2, "missing": "zeros", "batch_size": 15, "output_dir": tmp_path}
    workflow = open_bundle(configs / "pretrain.yaml", augment=None, **options)
    workflow.initialize()
    batch = next(iter(workflow.parser.get_parsed_content("train#dataloader")))
    row = int(batch["missing"].any(dim=1).nonzero())
    assert batch["missing"][row].tolist() == [False, True, False] and not batch["image"][row, 1].any()
    assert "T2" in caplog.text
    prepare_batch = workflow.parser.get_parsed_content("prepare_batch")
    for _ in range(20):
        views, _ = prepare_batch(batch, "cpu")
        assert all(view[row].std() > 0 for view in views)
