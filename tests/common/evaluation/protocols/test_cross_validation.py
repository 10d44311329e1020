from __future__ import annotations

import json
from pathlib import Path

import pytest

from common import bundle_root
from common.errors import InputError
from common.evaluation import CrossValidation
from common.evaluation.reports.study.study_files import cohort_of

ROWS = [{"subject": str(i), "label": i % 2, "fold": i % 3} for i in range(30)]


class Recorded(CrossValidation):
    """Stages are noted instead of run; each leaves the files that the real one would."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.stages: list[tuple[str, list[str], dict]] = []

    def _run(self, stage, overlays, **overrides):
        self.stages.append((stage, [Path(file).stem for file in overlays], overrides))
        folder = Path(overrides["output_dir"])
        folder.mkdir(parents=True, exist_ok=True)
        if stage in ("pretrain", "train"):
            (folder / "model.pt").touch()
        if stage == "extract_features":
            Path(overrides["learnt_table"]).touch()
        if stage == "evaluate":
            (folder / "predictions.csv").touch()

    def _check_run(self, what, stage, overlays, keep=None, **overrides):
        pass  # the cohort has no images

    def _figures(self, report):
        pass


@pytest.fixture
def dataset(tmp_path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "datalist.json").write_text(json.dumps({"training": ROWS}))
    return tmp_path / "data"


def recorded(dataset: Path, **kwargs) -> Recorded:
    return Recorded(bundle_root("siam3d_imbalance"), dataset, dataset.parent / "out", **kwargs)


def test_each_fold_is_pre_trained_without_itself_and_probed_with_its_own_features(dataset):
    run = recorded(dataset, methods=["se"])
    run.run()
    pretraining = [(overlay, s["fold"], s["transductive"]) for name, overlay, s in run.stages if name == "pretrain"]
    assert pretraining == [(["se"], fold, False) for fold in range(3)]
    extraction = [s for name, _, s in run.stages if name == "extract_features"]
    assert all(s["checkpoint"].endswith(f"se/fold{s['fold']}/model.pt") for s in extraction)
    assert all(s["learnt_table"].endswith(f"se/learnt_fold{s['fold']}.csv") for s in extraction)
    probe = run.stages[-1][2]
    assert probe["learnt_tables"] == {"3DSiam + SE": str(dataset.parent / "out/se/learnt_fold{fold}.csv")}
    assert probe["transductive"] is False


def test_transductive_pre_training_happens_once_and_the_report_is_reported(dataset):
    run = recorded(dataset, methods=["plain", "re"], transductive=True)
    run.run()
    assert [s["transductive"] for name, _, s in run.stages if name == "pretrain"] == [True, True]
    assert run.stages[-1][2]["transductive"] is True
    assert run.stages[-1][2]["learnt_tables"]["3DSiam + RE"].endswith("re/learnt_all.csv")


def test_encoders_of_other_patients_are_pre_trained_once_and_serve_all_folds(dataset):
    others = dataset / "datalist_pretraining.json"
    others.write_text(json.dumps({"training": [{"subject": "x"}, {"subject": "y"}]}))
    run = recorded(dataset, methods=["plain"], finetune=["plain"], pretraining_datalist=others)
    run.run()
    (pretrained,) = [s for name, _, s in run.stages if name == "pretrain"]
    assert (pretrained["transductive"], pretrained["datalist"]) == (True, str(others))
    assert [s for name, _, s in run.stages if name == "extract_features" and "datalist" in s] == []
    trained = [(s["fold"], s["pretrained_encoder"]) for name, _, s in run.stages if name == "train"]
    assert trained == [(fold, str(dataset.parent / "out/plain/all/model.pt")) for fold in range(3)]
    probe = run.stages[-1][2]
    assert probe["transductive"] is False and probe["learnt_tables"]["3DSiam"].endswith("plain/learnt_all.csv")
    others.write_text(json.dumps({"training": [{"subject": "x"}, {"subject": 4}]}))
    with pytest.raises(InputError, match=r"datalist_pretraining.json: found 1 subject of .*datalist.json: 4; take"):
        recorded(dataset, methods=["plain"], pretraining_datalist=others)
    with pytest.raises(InputError, match="transductive: found true beside pretraining_datalist"):
        recorded(dataset, methods=["plain"], pretraining_datalist=others, transductive=True)


def test_other_patients_that_have_moved_are_the_same_and_more_of_them_are_not(dataset):
    rows = [{"subject": "x"}, {"subject": "y"}]
    others, moved = dataset / "others.json", dataset.parent / "moved.json"
    others.write_text(json.dumps({"training": rows}))
    recorded(dataset, methods=["plain"], pretraining_datalist=others)._keep_identity()
    others.rename(moved)
    recorded(dataset, methods=["plain"], pretraining_datalist=moved).check_identity()
    moved.write_text(json.dumps({"training": [*rows, {"subject": "z"}]}))
    with pytest.raises(InputError, match="another comparison: pretraining_datalist with another content; name another"):
        recorded(dataset, methods=["plain"], pretraining_datalist=moved).check_identity()
    with pytest.raises(InputError, match="another comparison: pretraining_datalist "):
        recorded(dataset, methods=["plain"]).check_identity()


def test_an_earlier_version_knew_other_patients_by_their_path(dataset):
    (others := dataset / "others.json").write_text(json.dumps({"training": [{"subject": "x"}]}))
    run = recorded(dataset, methods=["plain"], pretraining_datalist=others)
    run._keep_identity()
    claim = run.output_dir / "settings.json"
    claim.write_text(json.dumps(json.loads(claim.read_text()) | {"pretraining_datalist": str(others)}))
    run.check_identity()


def test_the_page_finds_the_cohort_beside_outputs_that_were_moved_with_it(tmp_path):
    (tmp_path / "one/data").mkdir(parents=True)
    (tmp_path / "one/data/datalist.json").write_text(json.dumps({"training": ROWS}))
    recorded(tmp_path / "one/data", methods=["plain"])._keep_identity()
    moved = (tmp_path / "one").rename(tmp_path / "two")
    path, rows = cohort_of(moved / "out", moved / "out", None)
    assert path == moved / "data/datalist.json" and len(rows) == len(ROWS)
    path.write_text(path.read_text() + " ")  # another one since
    assert cohort_of(moved / "out", moved / "out", None) == (None, [])


def test_supervised_is_trained_and_evaluated_on_every_fold_and_reported_beside(dataset):
    run = recorded(dataset, methods=["supervised"])
    run.run()
    assert [name for name, _, _ in run.stages] == ["train", "evaluate"] * 3 + ["linear_probe"]
    beside = run.stages[-1][2]["extra_predictions"]["Supervised"]
    assert beside.endswith("supervised/fold{fold}/evaluate/predictions.csv")


def test_what_is_done_is_not_done_again(dataset):
    recorded(dataset, methods=["se"]).run()
    again = recorded(dataset, methods=["se", "re"])
    again.run()
    assert [overlay for name, overlay, _ in again.stages if name == "pretrain"] == [["re"]] * 3


def test_a_sweep_tries_each_value_under_its_own_name(dataset):
    run = recorded(dataset, methods=["se"], sweep={"num_clusters": [2, 3]}, transductive=True)
    run.run()
    assert [s["num_clusters"] for name, _, s in run.stages if name == "pretrain"] == [2, 3]
    assert list(run.stages[-1][2]["learnt_tables"]) == ["3DSiam + SE, num_clusters 2", "3DSiam + SE, num_clusters 3"]


def test_another_comparison_in_the_same_folder_is_refused(dataset):
    recorded(dataset, methods=["se"], max_epochs=2).run()
    with pytest.raises(InputError, match="from another comparison"):
        recorded(dataset, methods=["se"], max_epochs=3).run()
    again = recorded(dataset, methods=["se"], max_epochs=2)
    again.settings |= {"save_interval": 7, "radiomics_workers": 3}  # change no result
    again.check_identity()


def test_a_failed_first_try_does_not_claim_the_folder(dataset, monkeypatch):
    def fail(*args, **kwargs):
        raise InputError("no")

    with monkeypatch.context() as patch, pytest.raises(InputError, match="no"):
        patch.setattr(Recorded, "_run", fail)
        recorded(dataset, methods=["se"], max_epochs=2, seeds=[0], folds=2).run()
    recorded(dataset, methods=["se"], max_epochs=3, seeds=[0], folds=3).run()
    assert json.loads((dataset.parent / "out/settings.json").read_text())["settings"] == {"max_epochs": 3}


def test_an_unknown_method_is_one_line_that_names_the_known(dataset):
    with pytest.raises(InputError, match=r"both: the bundle has no such config; expected one of .*plain"):
        recorded(dataset, methods=["both"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fold": 3}, "fold: found one for all runs; expected none, as each fold of the datalist is held out in turn"),
        ({"pretrain": {"fold": 3}}, "pretrain: fold: found one for all runs"),
        ({"seeds": [1], "seed": 2}, r"seed: found one for all runs; expected none, as seeds \(--seeds\) has those"),
        ({"seeds": [-1]}, r"seeds: found \[-1\]; expected whole numbers from 0 to 4294967295; correct it"),
        ({"seeds": [99999999999]}, r"seeds: found \[99999999999\]; expected whole numbers from 0"),
        ({"seeds": [1], "folds": 1}, "folds: found 1; expected whole numbers from 2"),
        ({"seeds": [1], "folds": 0}, "folds: found 0; expected whole numbers from 2"),
        ({"sweep": {"num_clusters": 3}}, r"sweep: found num_clusters 3; .* set --sweep \"{num_clusters: \[3\]}\"$"),
        ({"sweep": {"num_clusters": "plain"}}, "sweep: found num_clusters 'plain'; expected a list of values"),
        ({"sweep": {"num_clusters": []}}, r"sweep: found num_clusters \[\]; .*--sweep \"{num_clusters: \[\.{3}\]}\"$"),
        ({"methods": ["plai"]}, r"plai: the bundle has no such config; .*; did you mean plain\?"),
        ({"overlays": ["pretrai:paper"]}, r"pretrai:paper: .*; did you mean pretrain:paper\?"),
        ({"overlays": ["pretrain:"]}, r"pretrain:: .*; did you mean pretrain\?"),
    ],
)
def test_options_that_would_be_ignored_or_misread_are_refused(dataset, options, message):
    with pytest.raises(InputError, match=message):
        recorded(dataset, **options)


def test_a_cohort_without_folds_is_one_line(dataset):
    (dataset / "datalist.json").write_text(json.dumps({"training": [{"subject": "a"}]}))
    with pytest.raises(InputError, match="no fold for 1 subject, a first"):
        recorded(dataset)


def test_fine_tunings_are_trained_with_the_label_fractions_of_the_probe_and_headed_so(dataset):
    run = recorded(dataset, methods=["plain", "supervised"], probe={"label_fractions": [1.0, 0.5], "seeds": [4]})
    run.run()
    trained = [(s.get("label_fraction", 1.0), s.get("label_seed"), s["fold"]) for n, _, s in run.stages if n == "train"]
    assert trained == [(1.0, None, fold) for fold in range(3)] + [(0.5, 4, fold) for fold in range(3)]
    out = dataset.parent / "out"
    assert run.stages[-1][2]["extra_predictions"]["Supervised"] == {
        1.0: str(out / "supervised/fold{fold}/evaluate/predictions.csv"),
        0.5: str(out / "labels50/supervised/fold{fold}/evaluate/predictions.csv"),
    }
    half = recorded(dataset, methods=["supervised"], label_fraction=0.5)
    assert half.fractions == [0.5]  # and not "100 % labels"
    with pytest.raises(InputError, match=r"label_fraction: found 0\.5 beside"):
        recorded(dataset, methods=["supervised"], label_fraction=0.5, probe={"label_fractions": [1.0]})


def test_a_swept_value_that_is_an_overlay_is_pre_trained_once_as_it_is(dataset):
    run = recorded(dataset, methods=["se", "re"], sweep={"num_clusters": ["plain", 2]}, transductive=True)
    run.run()
    pretrained = [(overlay, s.get("num_clusters")) for name, overlay, s in run.stages if name == "pretrain"]
    assert pretrained == [(["plain"], None), (["se"], 2), (["re"], 2)]
    assert {text: [encoder.name for encoder in row] for text, row in run.curves.items()} == {
        "se": ["3DSiam", "3DSiam + SE, num_clusters 2"],
        "re": ["3DSiam", "3DSiam + RE, num_clusters 2"],
    }


def test_an_overlay_of_one_stage_and_settings_of_one_stage_reach_no_other(dataset):
    run = CrossValidation(
        bundle_root("siam3d_imbalance"),
        dataset,
        dataset.parent / "out",
        methods=["plain"],
        overlays=["pretrain:paper"],
        pretrain={"max_epochs": 3},
    )
    options = {"output_dir": str(dataset.parent / "x"), "fold": 0}
    pretrain, train = (run._workflow(stage, [], options).parser for stage in ("pretrain", "train"))
    assert pretrain["features"] == "fresh" and pretrain["max_epochs"] == 3
    assert "features" not in train and train["max_epochs"] == 50
    with pytest.raises(InputError, match="papr: the bundle has no such config"):
        recorded(dataset, overlays=["pretrain:papr"])
    with pytest.raises(InputError, match=r"train: found depht, which train\.yaml does not have"):
        recorded(dataset, train={"depht": 3})


def test_the_peers_of_radiomics_deep_contrast_are_read_without_radiomics(dataset):
    run = Recorded(
        bundle_root("radiomics_deep_contrast"), dataset, dataset.parent / "out", methods=["simclr", "pretrain"]
    )
    run.run()
    extracted = [overlay for name, overlay, _ in run.stages if name == "extract_features"]
    assert extracted == [["image_only"]] * 3 + [[]] * 3
    assert set(run.stages[-1][2]["learnt_tables"]) == {"SimCLR", "Radiomics-deep"}


@pytest.mark.parametrize("bundle", ["liver_cgc", "mlsscl_3d", "radiomics_deep_contrast", "siam3d_imbalance"])
def test_the_probe_of_each_bundle_accepts_its_settings(dataset, bundle):
    path = dataset / "datalist.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "labels": {"0": "a", "1": "b"}, "modality": {"0": "T1"}}))
    run = CrossValidation(bundle_root(bundle), dataset, dataset.parent / "out", methods=["pretrain"])
    workflow = run._workflow("linear_probe", [], {**run._probe_settings(), "output_dir": str(dataset.parent / "x")})
    workflow.initialize()
    assert len(workflow.parser["learnt_tables"]) == 1


def test_a_typed_path_is_one_of_the_working_directory(dataset, monkeypatch):
    (dataset / "other.json").write_text(json.dumps({"training": ROWS}))
    claim = dataset.parent / "moved/out/settings.json"
    claim.parent.mkdir(parents=True)
    claim.write_text(json.dumps({"place": "gone.json", "settings": {"datalist": "other.json"}}))
    monkeypatch.chdir(dataset)
    assert cohort_of(claim.parent, claim.parent, None)[0] == dataset / "other.json"
