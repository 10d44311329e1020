"""Several seeds, encoders of one modality each, and fine-tuning."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from common.errors import InputError
from common.evaluation import CrossValidation
from tests.common.evaluation.protocols.fake_bundle import write_bundle, write_cohort
from tests.common.evaluation.protocols.noted_stages import NotedStages

ROWS = ["mcl+cgc", "scl+single+linear", "imagenet+single", "scratch+cgc", "scratch"]


class Counted(NotedStages, CrossValidation):
    """Stages run and are noted."""


def starter(folder: Path):
    root, data = write_bundle(folder / "bundle"), write_cohort(folder / "data")

    def start(**options) -> Counted:
        options = {"methods": ["simsiam_mda"], "seeds": [0, 1], **options}
        return Counted(root, data, folder / "out", **options)

    return start


@pytest.fixture
def start(tmp_path):
    return starter(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    start = starter(tmp_path_factory.mktemp("whole"))
    run = start(methods=["simsiam", "simsiam_mda"], finetune=ROWS, pretrained_weights="imagenet.pt")
    return run, run.run()


def cells(text: str, row: str) -> list[str]:
    line = next(line for line in text.splitlines()[::-1] if line.startswith(f"| {row} |"))
    return [cell.strip() for cell in line.split("|")[2:-1]]


def test_one_command_gives_both_tables_of_the_paper(whole):
    _, report = whole
    text = report.read_text()
    assert "pooled out-of-fold predictions of 2 folds, different for each seed" in text
    header = next(line for line in text.splitlines() if "T1: Acc" in line)
    assert [cell.strip() for cell in header.split("|")[2:-1]] == [
        f"{modality}: {column}" for modality in ("T1", "T2") for column in ("Acc", "Pre", "Rec", "F1")
    ]
    for method in ("SimSiam", "SimSiam+"):
        found = cells(text, method)
        assert found[4:] == ["100.00 ± 0.00"] * 4 and float(found[0].split(" ±")[0]) < 80
    assert [entry["set"] for entry in json.loads((report.parent / "metrics.json").read_text())["results"]] == [
        *("SimSiam (T1)", "SimSiam (T2)", "SimSiam+ (T1)", "SimSiam+ (T2)"),
        *("MCL + CGC", "SCL + Linear + T1", "SCL + Linear + T2"),
        *("ImageNet + Single + T1", "ImageNet + Single + T2", "Scratch + CGC", "Supervised"),
    ]
    assert cells(text, "MCL + CGC")[0] == "95.00 ± 0.00"  # 38 of 40 subjects in either seed
    assert cells(text, "*Majority class*")[0] == "50.00"


def test_every_seed_deals_its_folds_for_all_stages(whole):
    run, report = whole
    reported = {(stage, overrides.get("seed"), overrides.get("datalist")) for stage, _, overrides in run.stages[:-1]}
    seeds = {seed: str(run.output_dir / f"seed{seed}" / "datalist.json") for seed in (0, 1)}
    stages = ("pretrain", "extract_features", "train", "evaluate")
    assert reported == {(stage, seed, path) for stage in stages for seed, path in seeds.items()}
    dealt = [json.loads(Path(path).read_text()) for path in seeds.values()]
    folds = [[row["fold"] for row in content["training"]] for content in dealt]
    assert folds[0] != folds[1] and set(folds[0]) == set(folds[1]) == {0, 1}
    table = pd.read_csv(report.parent / "predictions.csv").query("set == 'SimSiam (T1)'").sort_values("subject")
    for seed in (0, 1):
        assert table[table["seed"] == seed]["fold"].tolist() == folds[seed]


def test_fine_tuning_starts_from_the_encoder_of_its_fold_seed_and_modality(whole):
    run, _ = whole
    calls = [(overlays, overrides) for stage, overlays, overrides in run.stages if stage == "train"]
    assert len(calls) == 7 * 2 * 2
    for overlays, overrides in calls:
        out, seed, fold = run.output_dir, overrides["seed"], overrides["fold"]
        where, encoder = Path(overrides["output_dir"]).relative_to(out), overrides["pretrained_encoder"]
        modality = overrides.get("modality")
        assert where.parts[0] == f"seed{seed}" and where.parts[-1] == f"fold{fold}"
        row = where.parts[1]
        expected = {
            "simsiam_mda+cgc": f"simsiam_mda/fold{fold}",
            "simsiam+single+linear": f"simsiam/{modality}/fold{fold}",
        }
        path = out / f"seed{seed}" / expected[row] / "model.pt" if row in expected else None
        assert encoder == (str(path) if path else None)
        assert overlays == {"supervised": []}.get(row, row.split("+")[1:])
        assert modality in (("T1", "T2") if "single" in row else (None,))
        weights = json.loads((out / where / "model.pt").read_text())["start"][1]
        assert weights == (None if row in ("supervised", "scratch+cgc") else "imagenet.pt")


def test_an_encoder_that_is_only_a_start_is_pre_trained_and_not_probed(start):
    run = start(methods=[], finetune=["scl+single"], seeds=[3])
    report = run.run()
    kinds = [stage for stage, *_ in run.stages]
    assert kinds == ["pretrain"] * 4 + ["train", "evaluate"] * 4 + ["linear_probe"]
    assert [overrides["modality"] for stage, _, overrides in run.stages if stage == "pretrain"] == ["T1"] * 2 + [
        "T2"
    ] * 2
    assert "| SCL + Single + T1 |" in report.read_text() and not run.stages[-1][2]["learnt_tables"]


def test_what_is_done_is_not_done_again_and_a_cut_training_goes_on(start, tmp_path):
    start(finetune=["mcl+cgc"]).run()
    (tmp_path / "out/seed1/simsiam_mda/learnt_fold1_T2.csv").unlink()
    shutil.rmtree(tmp_path / "out/seed0/simsiam_mda+cgc/fold0/evaluate")  # its weights stay: those of an early epoch
    again = start(finetune=["mcl+cgc"], seeds=[0, 1, 2])
    again.run()
    redone = [(stage, o["seed"], o["fold"]) for stage, _, o in again.stages if o.get("seed") in (0, 1)]
    assert redone == [("extract_features", 1, 1), ("train", 0, 0), ("evaluate", 0, 0)]
    assert sum(o.get("seed") == 2 for _, _, o in again.stages) == 4 * 2


def test_transductive_encoders_are_trained_once_for_each_seed_and_start_all_folds(start, tmp_path):
    run = start(finetune=["mcl+cgc"], transductive=True)
    text = run.run().read_text()
    assert sum(stage == "pretrain" for stage, *_ in run.stages) == 2
    starts = {overrides["pretrained_encoder"] for stage, _, overrides in run.stages if stage == "train"}
    assert starts == {str(tmp_path / f"out/seed{seed}/simsiam_mda/all/model.pt") for seed in (0, 1)}
    assert "Pre-training was **transductive**" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"finetune": ["mlc+cgc"]},
            r"mlc: no encoder to start from; expected scratch, imagenet, mcl, scl or an overlay .*; did you mean mcl\?",
        ),
        ({"finetune": ["mcl+cmc"]}, "cmc: the bundle has no such config"),
        ({"finetune": ["mcl+simsiam"]}, "simsiam: sets encoder_name, pairs, which train.yaml does not have"),
        ({"methods": ["single"]}, "single: sets fusion, which pretrain.yaml does not have"),
        ({"finetune": ["scl+cgc"]}, r"scl\+cgc: simsiam has an encoder for each modality and the network takes all"),
        ({"finetune": ["imagenet+cgc"]}, "imagenet without a file of weights; set pretrained_weights"),
        ({"finetune": ["mcl+cgc", "simsiam_mda+cgc"]}, r"MCL \+ CGC: found as several rows"),
        ({"probe": {"seeds": [1]}}, r"probe: found seeds \[1\] beside seeds \[0, 1\]"),
        ({"seeds": [], "folds": 3}, "folds: found 3 without seeds"),
    ],
)
def test_what_cannot_be_run_is_reported_before_anything_runs(start, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        start(**options)
    assert not (tmp_path / "out").exists()


def test_a_row_for_each_modality_needs_their_names(start, tmp_path):
    datalist = tmp_path / "data" / "datalist.json"
    content = json.loads(datalist.read_text())
    datalist.write_text(json.dumps({**content, "modality": {"0": "T1/gd", "1": "T2"}}))
    with pytest.raises(InputError, match="modality: found 'T1/gd'; expected names without a slash"):
        start()
    del content["modality"]
    datalist.write_text(json.dumps(content))
    with pytest.raises(InputError, match="simsiam_mda: one row for each modality, of which the datalist names none"):
        start()
