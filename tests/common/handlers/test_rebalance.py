from __future__ import annotations

import pytest
import torch
from ignite.engine import Engine, Events
from torch import nn

from common.data.imbalance import cluster_features, reweight
from common.errors import InputError
from common.handlers import FeatureBank, RebalanceHandler
from common.networks import BottleneckEncoder, SiameseOutput


class Mean(nn.Module):
    """Features are the means of the image's channels, and know in which mode they were computed."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert not self.training and not torch.is_grad_enabled()
        return x.flatten(2).mean(2)


def batch(values: list[float], labels: list[int] | None = None) -> dict[str, torch.Tensor]:
    image = torch.tensor(values).view(-1, 1, 1, 1, 1).expand(-1, 2, 2, 2, 2).clone()
    found = {"image": image, "index": torch.arange(len(values))}
    return found | ({"label": torch.tensor(labels)} if labels else {})


def run(handler: RebalanceHandler, data: dict, epochs: int = 2) -> tuple[list[dict], Engine]:
    """The batches that a trainer would see, one step an epoch."""
    seen = []

    def step(engine, batch):
        seen.append(batch)
        views = batch["image"].flatten(2).mean(2)
        return {"pred": SiameseOutput(views, views, views, views)}

    engine = Engine(step)
    engine.state.device, engine.non_blocking = torch.device("cpu"), False
    engine.add_event_handler(Events.STARTED, lambda engine: setattr(engine.state, "device", torch.device("cpu")))
    handler.attach(engine)
    engine.run([data], max_epochs=epochs)
    return seen, engine


VALUES = [0.0, 0.1, 0.2, 0.3, 10.0, 10.1, 30.0, 30.1, 30.2, 30.3]  # groups of 4, 2 and 4
LABELS = [0, 0, 0, 1, 1, 1, 0, 0, 0, 0]


def test_re_weighs_a_hand_made_batch_after_the_warm_up():
    handler = RebalanceHandler(Mean(), "re", batch_size=10)
    seen, _ = run(handler, batch(VALUES))
    assert "weight" not in seen[0] or seen[0] is seen[1]
    assert seen[1]["weight"].tolist() == [1, 1, 1, 1, 2, 2, 1, 1, 1, 1]


def test_the_weights_of_re_are_capped_when_asked():
    handler = RebalanceHandler(Mean(), "re", batch_size=10, max_weight=1.5)
    seen, _ = run(handler, batch(VALUES))
    assert seen[1]["weight"].tolist() == [1, 1, 1, 1, 1.5, 1.5, 1, 1, 1, 1]
    with pytest.raises(InputError, match=r"max_weight: 0\.5; expected a number from 1"):
        RebalanceHandler(Mean(), "re", max_weight=0.5)


def test_fresh_features_of_a_real_encoder_weigh_as_its_features_in_evaluation_mode_do():
    """In pairs, and with batch norms folded, they are the same; the encoder is as before."""
    torch.manual_seed(0)
    encoder = BottleneckEncoder(3, in_channels=2, channels=(4, 6, 8, 10))
    image = torch.rand(7, 2, 9, 9, 9) * torch.arange(1, 8).view(-1, 1, 1, 1, 1)
    encoder(image)  # statistics that are not those of the start
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    handler = RebalanceHandler(encoder, "re", batch_size=7)
    seen, _ = run(handler, {"image": image, "index": torch.arange(7)})
    with torch.no_grad():
        expected = reweight(cluster_features(encoder.eval()(image), 3, seed=0))
    assert len(set(expected.tolist())) > 1
    torch.testing.assert_close(seen[1]["weight"], expected)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_the_warm_up_is_plain():
    seen, _ = run(RebalanceHandler(Mean(), "re", batch_size=10), batch(VALUES), epochs=1)
    assert "weight" not in seen[0]


@pytest.mark.parametrize("strategy", ["re", "se"])
def test_a_training_within_the_warm_up_warns_that_it_is_plain_and_a_longer_one_does_not(strategy, caplog):
    handler = RebalanceHandler(Mean(), strategy, batch_size=4, num_candidates=10)
    run(handler, batch(VALUES), epochs=1)
    assert f"{strategy.upper()} never acts: max_epochs 1, and warmup_epochs 1" in caplog.text
    caplog.clear()
    run(handler, batch(VALUES), epochs=2)
    assert "never acts" not in caplog.text


def test_se_keeps_the_nearest_halves_of_a_hand_made_batch():
    seen, _ = run(RebalanceHandler(Mean(), "se", batch_size=4, num_candidates=10), batch(VALUES))
    assert len(seen[0]["index"]) == 10
    chosen = seen[1]["index"].tolist()
    assert {frozenset(chosen[:2]), frozenset(chosen[2:])} == {frozenset({1, 2}), frozenset({7, 8})}
    assert torch.equal(seen[1]["image"], batch(VALUES)["image"][chosen])


def test_plain_does_nothing():
    seen, engine = run(RebalanceHandler(Mean(), "plain"), batch(VALUES))
    assert set(seen[1]) == {"image", "index"} and not engine.state.metrics


@pytest.mark.parametrize("strategy", ["re", "se"])
def test_shares_and_purity_are_those_of_the_hand_made_batch(strategy):
    handler = RebalanceHandler(Mean(), strategy, batch_size=4, num_candidates=10)
    _, engine = run(handler, batch(VALUES, LABELS))
    expected = {"cluster_share_1": 0.4, "cluster_share_2": 0.4, "cluster_share_3": 0.2, "cluster_purity": 0.9}
    assert engine.state.metrics == pytest.approx(expected | {"cluster_purity_base": 0.7})


@pytest.mark.parametrize("features", ["fresh", "bank"])
def test_what_clusters_follow_is_judged_by_the_traits_of_each_sample_and_unknown_labels_are_left_out(features):
    """Of a cohort of 20, the batch has the last ten, in another order; unit sizes in two clusters, 3 and 5 in one."""
    order = torch.tensor([3, 9, 0, 7, 5, 1, 8, 2, 4, 6])
    centres, sizes = torch.zeros(20, dtype=torch.long), torch.ones(20)
    centres[10:] = torch.tensor([0, 0, 0, 0, 1, 2, 1, 1, 1, 0])
    sizes[10:] = torch.tensor([1.0, 1, 1, 1, 1, 1, 3, 5, 3, 5])
    bank = FeatureBank(20, 2) if features == "bank" else None
    traits = {"centre": centres, "size": sizes}
    handler = RebalanceHandler(Mean(), "re", features=features, bank=bank, batch_size=10, traits=traits)
    labels = [label if number % 2 else -1 for number, label in enumerate(LABELS)]  # known: 0, 1 | 1 | 0, 0
    data = {key: value[order] for key, value in batch(VALUES, labels).items()}
    _, engine = run(handler, data | {"index": 10 + order})
    metrics = engine.state.metrics
    assert (metrics["cluster_purity"], metrics["cluster_purity_base"]) == pytest.approx((4 / 5, 3 / 5))
    assert (metrics["cluster_purity_centre"], metrics["cluster_purity_centre_base"]) == pytest.approx((0.8, 0.5))
    # mean 2.2; 6 times 1 and a cluster with mean 4 and squares 1 within
    assert metrics["cluster_eta2_size"] == pytest.approx((6 * 1.2**2 + 4 * 1.8**2) / (6 * 1.2**2 + 4 * 1.8**2 + 4))


def test_the_bank_gives_re_the_features_of_the_last_step_without_a_forward_pass():
    class Never(nn.Module):
        def forward(self, x):
            raise AssertionError("a forward pass")

    handler = RebalanceHandler(Never(), "re", features="bank", bank=FeatureBank(10, 2), batch_size=10)
    seen, _ = run(handler, batch(VALUES))
    assert seen[1]["weight"].tolist() == [1, 1, 1, 1, 2, 2, 1, 1, 1, 1]


def test_the_bank_chooses_among_candidates_before_they_are_loaded():
    bank = FeatureBank(20, 2)
    handler = RebalanceHandler(Mean(), "se", features="bank", bank=bank, batch_size=4, num_candidates=10)
    cohort = torch.arange(10, 20)
    bank.update(cohort, torch.tensor(VALUES)[:, None].expand(-1, 2), torch.tensor(LABELS))
    chosen = cohort[handler.select_from_bank(cohort)].tolist()
    assert {frozenset(chosen[:2]), frozenset(chosen[2:])} == {frozenset({11, 12}), frozenset({17, 18})}


def test_the_bank_remembers_the_mean_of_the_two_views():
    bank = FeatureBank(3, 2)
    handler = RebalanceHandler(Mean(), "re", features="bank", bank=bank, batch_size=6)
    engine = Engine(lambda engine, batch: None)
    engine.state.batch = {"index": torch.tensor([2, 0])}
    t = torch.zeros(2, 2)
    engine.state.output = {"pred": SiameseOutput(t, t, torch.ones(2, 2), torch.full((2, 2), 3.0))}
    handler.remember(engine)
    assert bank.features.tolist() == [[2, 2], [0, 0], [2, 2]] and bank.seen.tolist() == [True, False, True]


def test_an_unseen_sample_in_the_bank_is_an_error():
    with pytest.raises(RuntimeError, match="lacks samples"):
        FeatureBank(3, 2)(torch.tensor([1]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 5}, "batch_size: 5; SE takes half a batch"),
        ({"batch_size": 30}, "m = 30 of num_candidates N = 30"),
        ({"batch_size": 2, "num_candidates": 4, "num_clusters": 5}, "4 samples for num_clusters 5"),
        ({"strategy": "re", "batch_size": 2}, "2 samples for num_clusters 3"),
        ({"strategy": "both"}, "strategy: 'both'; expected one of plain, re, se"),
        ({"features": "old"}, "features: 'old'"),
        ({"features": "bank"}, "needs a bank"),
    ],
)
def test_sizes_that_leave_it_undefined_are_one_line(arguments, message):
    with pytest.raises(InputError, match=message) as error:
        RebalanceHandler(Mean(), **{"strategy": "se", **arguments})
    assert "\n" not in str(error.value)


def test_sums_of_a_running_epoch_survive_a_checkpoint():
    handler, other = (RebalanceHandler(Mean(), "re", batch_size=10) for _ in range(2))
    engine = Engine(lambda engine, batch: None)
    engine.state.epoch, engine.state.batch = 2, batch(VALUES)
    engine.state.device, engine.non_blocking = torch.device("cpu"), False
    handler.rebalance(engine)
    other.load_state_dict(handler.state_dict())
    other.report(engine)
    assert engine.state.metrics["cluster_share_3"] == pytest.approx(0.2)


def test_sums_of_an_earlier_version_are_means_over_their_number_of_batches():
    handler, engine = RebalanceHandler(Mean(), "re", batch_size=10), Engine(lambda engine, batch: None)
    handler.load_state_dict({"bank": None, "sums": {"batches": 4.0, "cluster_share_1": 2.0}})
    handler.report(engine)
    assert engine.state.metrics == {"cluster_share_1": 0.5}
