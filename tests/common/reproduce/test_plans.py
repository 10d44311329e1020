"""Every table and figure of every paper has a plan that its bundle's configs accept, and a line in docs/papers.md."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError, OptionError
from common.evaluation.statistics.metrics import bootstrap_metrics
from common.reproduce import Paper, Reproduction
from common.reproduce.complexity import LAYER_COSTS, multiply_adds
from tests.common.reproduce.cohorts import COHORTS, write_cohort

PAPERS = {bundle: Paper.of(bundle) for bundle in dict.fromkeys(bundle for bundle, _ in COHORTS)}
EXHIBITS = [
    (bundle, key, cohort)
    for bundle, paper in PAPERS.items()
    for key, exhibit in paper.exhibits.items()
    for cohort in exhibit.cohorts
]


def reproduction(folder: Path, bundle: str, key: str, cohort: str, **options: object) -> Reproduction:
    kind, number = key.split()
    data = folder / "data"
    if not data.is_dir():
        write_cohort(data, bundle, cohort)
    weights = {"pretrained_weights": "imagenet.pth"} if bundle == "liver_cgc" else {}
    return Reproduction(bundle, data, folder / "out", cohort=cohort, **{kind: number}, **{**weights, **options})


@pytest.mark.parametrize(("bundle", "key", "cohort"), EXHIBITS)
@pytest.mark.parametrize("budget", ["paper", "short"])
def test_the_plan_of_each_table_and_figure_is_accepted_by_the_configs(tmp_path, bundle, key, cohort, budget):
    plan = reproduction(tmp_path, bundle, key, cohort, budget=budget, device="cpu")
    exhibit = PAPERS[bundle].exhibits[key]
    assert bool(plan.runs) is (exhibit.kind not in ("counts", "architecture"))
    for run in plan.runs.values():
        assert run.output_dir.is_relative_to(tmp_path / "out" / exhibit.folder / cohort)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("bundle", "key", "cohort"), EXHIBITS)
def test_each_row_is_a_method_that_a_run_makes_and_has_as_many_numbers_as_columns(tmp_path, bundle, key, cohort):
    exhibit = PAPERS[bundle].exhibits[key]
    if exhibit.kind != "table":
        return
    plan = reproduction(tmp_path, bundle, key, cohort)
    made = {name: row_names(run) for name, run in plan.runs.items()}
    for row in exhibit.rows:
        run = row.run or next(iter(plan.runs))
        for column in plan.request.exhibit.columns:
            name = row.set_of(cohort)
            assert (f"{name} ({column.modality})" if column.modality else name) in made[run], row.name
        assert len(row.paper.get(cohort, ())) <= len(plan.request.exhibit.columns)


@pytest.mark.parametrize(("bundle", "key", "cohort"), EXHIBITS)
def test_the_columns_of_a_cohort_are_metrics_of_as_many_classes_as_it_has(bundle, key, cohort):
    exhibit = PAPERS[bundle].exhibits[key].of_cohort(cohort)
    if exhibit.kind == "table" and cohort != "isbi":  # of classes
        labels = np.arange(COHORTS[bundle, cohort][0])
        known, _ = bootstrap_metrics(labels, labels, np.eye(len(labels)), resamples=1)
        wanted = {metric for column in exhibit.columns for metric in column.metrics}
        assert wanted and wanted <= {*known, *LAYER_COSTS}


def row_names(run) -> set[str]:
    """Names of the rows of a protocol's report."""
    names = {row.name for row in getattr(run, "rows", ())}
    for encoder in run.encoders if hasattr(run, "root") else ():
        learnt = encoder.rows(run.root, 0)
        names |= set(learnt) | {f"Trad. + {name}" for name in learnt} | {"Trad. radiomics"}
    return names


def test_the_map_of_the_papers_lists_every_exhibit_with_its_command(project):
    spec = importlib.util.spec_from_file_location("papers_page", project / "docs/papers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (project / "docs/papers.md").read_text(encoding="utf-8")
    assert module.page(text) == text, "run: python docs/papers.py"
    for bundle, key, _ in EXHIBITS:
        assert f"`scripts/reproduce.py {bundle} --{key} " in text


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, InputError, "table, figure: found none; expected one of --table 1, --table 2"),
        ({"table": "2", "figure": "2"}, InputError, "table, figure: found both"),
        ({"table": "9"}, InputError, "--table 9: siam3d_imbalance has no such one; expected one of --table 1"),
        ({"table": "2", "cohort": "liver"}, InputError, "cohort: found liver; expected brats or lung for --table 2"),
        ({"table": "2", "budget": "long"}, InputError, "budget: found long; expected one of short, paper"),
        (
            {"table": "2", "max_epoch": 3},
            OptionError,
            r"--max_epoch: .* a config of the bundle has this option; did you mean max_epochs\?",
        ),
    ],
)
def test_what_the_paper_does_not_have_is_refused(tmp_path, options, error, message):
    write_cohort(tmp_path / "data", "siam3d_imbalance", "brats")
    with pytest.raises(error, match=message):
        Reproduction("siam3d_imbalance", tmp_path / "data", tmp_path / "out", **options)


def test_the_counts_of_a_cohort_are_those_of_its_subjects(tmp_path):
    write_cohort(tmp_path / "data", "siam3d_imbalance", "brats")
    path = tmp_path / "data/datalist.json"
    content = json.loads(path.read_text())
    content["training"].append({**content["training"][0], "session": "again"})  # counted once
    path.write_text(json.dumps(content))
    page = reproduction(tmp_path, "siam3d_imbalance", "table 1", "brats").run()
    assert "| class 0 | 20 | None | 20 |" in page.read_text()
    assert '| <span style="color:gray">L-grade</span> |' in page.read_text()  # the paper's own, in grey
    lines = page.with_suffix(".csv").read_text().splitlines()
    assert lines == ["Labels/Centres,A,B,Total", "class 0,20,None,20", "class 1,None,20,20"]


def test_segmentations_of_the_five_patients_of_isbi_keep_the_last_epoch_as_four_are_too_few_to_choose_one(tmp_path):
    write_cohort(tmp_path / "data", "mlsscl_3d", "isbi", subjects=5)
    run = reproduction(tmp_path, "mlsscl_3d", "table 2", "isbi").runs["segmentation"]
    assert run.config_of("train_segmentation").get("validation_fraction") == 0


def test_the_short_budget_fits_a_cohort_of_twenty(tmp_path):
    for bundle, key, cohort in EXHIBITS:
        for run in reproduction(tmp_path / bundle, bundle, key, cohort, budget="short").runs.values():
            assert run.config_of("pretrain").get_parsed_content("batch_size") <= 16, (bundle, key)


def test_the_short_budget_of_liver_cgc_leaves_its_warm_up(tmp_path):
    for run in reproduction(tmp_path, "liver_cgc", "table 4", "liver", budget="short").runs.values():
        config = run.config_of("train")
        epochs, batch, warmup = (config.get_parsed_content(key) for key in ("max_epochs", "batch_size", "warmup_steps"))
        assert warmup < epochs * 69 / batch, "half of the paper's 138 patients, as there are two folds"


def test_overlays_replace_those_of_the_cohort_and_none_of_the_protocol(tmp_path):
    plan = reproduction(tmp_path, "siam3d_imbalance", "table 2", "brats", overlays=["lidc"])
    run = plan.runs["comparison"]
    recipe = ["pretrain:paper", "train:paper_train", "linear_probe:paper_probe"]
    assert run._identity()["overlays"] == [*recipe, "lidc"]
    assert run.config_of("pretrain")["batch_size"] == 6 and run.config_of("linear_probe")["classifier"] == "svm"
    assert (run.config_of("train")["learning_rate"], run.config_of("train")["flip_prob"]) == (0.01, 0.0)
    (ours,) = reproduction(tmp_path, "siam3d_imbalance", "table 2", "lung", recipe="default").runs.values()
    assert ours._identity()["overlays"] == ["lung"] and ours.config_of("train")["flip_prob"] == 0.5


def test_the_layers_of_the_encoder_are_those_of_the_paper(tmp_path):
    page = reproduction(tmp_path, "siam3d_imbalance", "table 3", "brats").run()
    rows = [line.split(",") for line in page.with_suffix(".csv").read_text().splitlines()]
    sizes = [row[2] for row in rows]
    expected = ["32 x 96 x 96 x 96", "32 x 32 x 32 x 32", "64 x 32 x 32 x 32", "128 x 10 x 10 x 10", "256 x 3 x 3 x 3"]
    assert [size for size in dict.fromkeys(sizes) if size in expected] == expected and "324" in sizes
    assert rows[-1][0] == "all" and 1.39e6 < int(rows[-1][3]) < 1.40e6  # 1.39 million weights


def test_all_runs_are_checked_before_the_first_one_starts(tmp_path):
    plan, done = reproduction(tmp_path, "siam3d_imbalance", "table 1", "brats", device="cpu"), []

    class Run:
        def __init__(self, name: str) -> None:
            self.name = name

        def check(self) -> None:
            done.append(f"check {self.name}")
            if self.name == "second":
                raise InputError("too few")

        def run(self) -> Path:
            done.append(f"run {self.name}")
            return tmp_path / "report.md"

    plan.runs = {"first": Run("first"), "second": Run("second")}
    with pytest.raises(InputError, match="too few"):
        plan.run()
    assert done == ["check second"]  # the first one checks itself as it starts


def test_a_method_whose_key_rows_lack_is_left_out_with_a_warning(tmp_path, caplog):
    whole = reproduction(tmp_path, "mlsscl_3d", "table 2", "isbi")
    content = json.loads((path := tmp_path / "data" / "datalist.json").read_text())
    del content["training"][3]["age"]
    path.write_text(json.dumps(content))
    less = reproduction(tmp_path, "mlsscl_3d", "table 2", "isbi")
    names = [[row.name for row in plan.runs["segmentation"].rows] for plan in (whole, less)]
    assert [name for name in names[0] if "Age" not in name] == names[1] != names[0]
    assert f"{path}: age: found none in 1 of 40 rows; age_aware is left out; add it" in caplog.text


def test_multiplications_are_those_of_the_network_of_one_modality_where_a_row_has_one(tmp_path):
    run = reproduction(tmp_path, "liver_cgc", "table 3", "liver", budget="short").runs["fine_tuning"]
    single, fused = (next(row for row in run.trained if (row.modality is None) is whole) for whole in (False, True))
    one, three = (float(multiply_adds(run, row, "train").removesuffix(" M")) for row in (single, fused))
    assert 2.5 * one < three < 3.5 * one  # an encoder for each of three modalities
