"""The options that save memory change nothing, or no more than stated."""

from __future__ import annotations

import pytest
import torch

from tests.bundles.recorder import RECORDER, read_steps

BF16_TOLERANCE = 0.01  # of a loss from -1 to 1; bfloat16 keeps 8 bits of a number


@pytest.fixture
def losses_and_weights(run_config, open_bundle, configs, tiny, tmp_path):
    """The losses of a pre-training's four steps at full width, and its weights."""
    recorder = tmp_path / "recorder.yaml"
    recorder.write_text(RECORDER)
    settings = {key: value for key, value in tiny.items() if key != "channels"}
    settings |= {"batch_size": 4, "max_epochs": 1, "strategy": "plain", "box_size": [18, 18, 18]}
    settings |= {"network_def__projector": None}  # whose last batch norm, over four samples, enlarges any rounding

    def losses_and_weights(name: str, **overrides):
        output_dir = tmp_path / name
        files = (configs / "pretrain.yaml", recorder)
        if name == "start":  # no step
            workflow = open_bundle(*files, output_dir=output_dir, **settings, **overrides)
            workflow.initialize()
            return torch.empty(0), workflow.network_def.state_dict()
        run_config(*files, output_dir=output_dir, **settings, **overrides)
        losses = torch.tensor([step["loss"] for step in read_steps(output_dir)])
        return losses, torch.load(output_dir / "model.pt", weights_only=True)

    return losses_and_weights


@pytest.mark.slow
def test_bfloat16_has_the_losses_and_gradients_of_float32_within_the_tolerance(losses_and_weights):
    # Nearly fixed weights: a random 3DSiam with batches of 4 turns any rounding into another path within a few steps.
    # Plain descent at a small rate leaves the sum of all gradients in the weights.
    slowly = {"optimizer___target_": "torch.optim.SGD", "learning_rate": 1e-4, "weight_decay": 0.0}
    _, start = losses_and_weights("start", amp="false", **slowly)
    full, after_full = losses_and_weights("float32", amp="false", **slowly)
    half, after_half = losses_and_weights("bfloat16", amp="true", **slowly)
    assert len(full) == 4 and full.std() > BF16_TOLERANCE  # else the tolerance would say nothing
    torch.testing.assert_close(half, full, atol=BF16_TOLERANCE, rtol=0)
    assert not torch.equal(half, full)
    assert {value.dtype for value in after_half.values() if value.is_floating_point()} == {torch.float32}
    one, other = moved(start, after_full), moved(start, after_half)
    assert torch.cosine_similarity(one, other, dim=0) > 0.5  # two random directions of a million weights: 0.00
    assert other.norm().item() == pytest.approx(one.norm().item(), rel=0.2)


@pytest.mark.slow
def test_activation_checkpointing_gives_the_same_losses_and_weights(losses_and_weights):
    losses, weights = losses_and_weights("kept", amp="false")
    again, computed_twice = losses_and_weights("computed_twice", amp="false", activation_checkpointing="true")
    assert torch.equal(losses, again)
    for name, value in weights.items():  # the running statistics of batch norms too: they must not be updated twice
        assert torch.equal(value, computed_twice[name]), name


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> torch.Tensor:
    """How far training has moved all weights, as one vector."""
    weights = [name for name in before if before[name].is_floating_point() and "running" not in name]
    return torch.cat([(after[name] - before[name]).flatten() for name in weights])
