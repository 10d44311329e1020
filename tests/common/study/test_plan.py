"""The file that says what a study does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from common.study.plan import Plan, read_plan, write_plan
from common.study.plan_text import describe_plan
from common.study.rules import Choice
from tests.common.study.builders import plan

PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.text("ab:#-'\" {}[]@$%*é\n", max_size=8))
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc#", min_size=1), inner)
)


def test_a_plan_is_read_as_it_was_written_and_each_reason_stands_beside_its_setting(tmp_path):
    path = write_plan(tmp_path, plan())
    assert read_plan(tmp_path) == plan(seeds=[0], fractions=[1.0], overlays=[], subgroups=[])
    lines = path.read_text().splitlines()
    assert "  box_size: [32, 32, 32] # 95 % of the lesions fit" in lines
    assert "  max_epochs: 3 # fits the budget" in lines


@given(st.dictionaries(st.text("abc#_", min_size=1), VALUES, max_size=4))
def test_any_setting_survives_the_file(tmp_path_factory, settings):
    folder = tmp_path_factory.mktemp("plan")
    write_plan(folder, plan(settings=settings))
    assert read_plan(folder).settings == settings


def test_a_moved_study_finds_the_data_in_it_and_those_elsewhere_where_they_were(tmp_path):
    inside, moved = tmp_path / "study", tmp_path / "moved"
    write_plan(inside, plan(dataset_dir=str(inside / "data"), test_datalist=str(inside / "test.json")))
    inside.rename(moved)
    found = read_plan(moved)
    assert (found.dataset_dir, found.test_datalist) == (str(moved / "data"), str(moved / "test.json"))
    assert found.datalist == "/data/datalist.json"


def test_an_edited_plan_counts(tmp_path):
    path = write_plan(tmp_path, plan())
    path.write_text(path.read_text().replace("- se\n", "").replace("max_epochs: 3", "max_epochs: 30"))
    found = read_plan(tmp_path)
    assert found.methods == ["radiomics", "scratch"] and found.train == {"max_epochs": 30}


def test_all_mistakes_are_listed_at_once(tmp_path):
    write_plan(tmp_path, plan())
    content = yaml.safe_load((tmp_path / "plan.yaml").read_text())
    content |= {"method": "x", "folds": None, "task": "regression", "seeds": 3, "final": {"kind": "best"}}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(InputError) as error:
        read_plan(tmp_path)
    text = str(error.value)
    for words in ("method: unknown", "folds: found none", "task: found 'regression'", "seeds: found 3", "found 'best'"):
        assert words in text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("dataset_dir: 5", "dataset_dir: found 5; expected text"),
        ("test_datalist: [test.json]", "test_datalist: found ['test.json']; expected text"),
        ("seeds: [0, one]", "seeds: found 'one'; expected whole numbers"),
        ("folds: [true]", "folds: found True; expected whole numbers"),
        ("fractions: [half]", "fractions: found 'half'; expected numbers"),
        ("workers: 0", "workers: found 0; expected a number from 1"),
        ("workers: two", "workers: found 'two'; expected a number from 1"),
        ("vary_pretraining: often", "vary_pretraining: found 'often'; expected true or false"),
        ("subgroups: [3]", "subgroups: found 3; expected names"),
        ("subgroups: site", "subgroups: found 'site'; expected a list"),
        ("budget: 2h", "budget: found '2h'; expected entries such as {seconds: 7200}, or null"),
        ("budget: {seconds: 2h}", "budget: found {'seconds': '2h'}; expected"),
        ("estimate: none", "estimate: found 'none'; expected entries, or none"),
        ("final: {methd: se}", "final: found methd; expected kind and method"),
        ("final: {method: [se]}", "final: method: found ['se']; expected a row of methods, or null"),
        ("settings: {fold: 1}", "settings: fold: found one for all runs; expected none, as folds in plan.yaml"),
        ("train: {datalist: other.json}", "train: datalist: found one for all runs; expected none"),
        ("settings: {seed: 1}", "settings: seed: found one for all runs; expected none, as seeds (--seeds) has"),
        ("train: {label_fraction: 0.5}", "train: label_fraction: found one for all runs; expected none, as fractions"),
        ("train: {validation_fraction: 2}", "train: validation_fraction: found 2; expected a number from 0 to 0.5"),
        ("pretrain: {max_epochs: -1}", "pretrain: max_epochs: found -1; expected whole numbers from 1"),
        ("settings: {optimizer#lr: -0.1}", "settings: optimizer#lr: found -0.1; expected 0 or more"),
        ("fractions: [0.5, 2]", "fractions: found [0.5, 2]; expected more than 0, at most 1"),
        ("seeds: [-1]", "seeds: found [-1]; expected whole numbers from 0"),
    ],
)
def test_a_bad_edit_is_one_line_with_the_entry(tmp_path, line, words):
    path = write_plan(tmp_path, plan())
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | yaml.safe_load(line)))
    with pytest.raises(InputError) as error:
        read_plan(tmp_path)
    assert str(error.value).splitlines() == [f"{path}: 1 problem", f"  {words}" + str(error.value).split(words)[1]]


def test_a_seed_of_the_pre_trainings_alone_and_one_of_a_segmentation_are_accepted(tmp_path):
    for changes in ({"pretrain": {"seed": 1}}, {"settings": {"seed": 1}, "task": "segmentation"}):
        write_plan(tmp_path, plan(**changes))
        assert read_plan(tmp_path).task == changes.get("task", "classification")
    write_plan(tmp_path, plan(pretrain={"seed": 1}, vary_pretraining=True))
    with pytest.raises(InputError, match="pretrain: seed: found one for all runs; expected none, as vary_pretraining"):
        read_plan(tmp_path)


def test_an_entry_that_is_pasted_below_the_one_that_is_there_is_refused_as_yaml_takes_the_last(tmp_path):
    path = write_plan(tmp_path, plan())
    path.write_text(path.read_text() + "train: {validation_fraction: 0.2}\nsettings: {depth: 18, depth: 34}\n")
    with pytest.raises(InputError) as error:
        read_plan(tmp_path)
    for words in ("train: found again in line", "settings: found again", "depth: found again"):
        assert words in str(error.value)


def test_a_final_method_alone_and_emptied_findings_are_enough(tmp_path):
    path = write_plan(tmp_path, plan())
    content = yaml.safe_load(path.read_text()) | {"final": {"method": "se"}, "estimate": None, "reasons": None}
    path.write_text(yaml.safe_dump(content))
    found = read_plan(tmp_path)
    assert (found.final, found.estimate, found.reasons) == ({"kind": "all", "method": "se"}, {}, {})


def test_an_ensemble_of_segmenters_is_refused(tmp_path):
    write_plan(tmp_path, plan(task="segmentation", final={"kind": "ensemble", "method": None}))
    with pytest.raises(InputError, match="found ensemble for a segmentation; expected all"):
        read_plan(tmp_path)


@pytest.mark.parametrize(("name", "value"), [("seeds", [0, 1]), ("fractions", [0.5]), ("vary_pretraining", True)])
def test_what_a_segmentation_would_ignore_is_refused(tmp_path, name, value):
    write_plan(tmp_path, plan(task="segmentation", **{name: value}))
    with pytest.raises(InputError, match=f"{name}: found .* as a segmentation is trained once"):
        read_plan(tmp_path)


@pytest.mark.parametrize("text", ["a: [", "- a", ""])
def test_no_plan_at_all_is_one_problem_of_the_file(tmp_path, text):
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises(InputError, match=r"plan\.yaml"):
        read_plan(tmp_path)


def test_a_missing_plan_names_the_command(tmp_path):
    with pytest.raises(InputError, match=r"no such file; expected a plan; run python scripts/study\.py"):
        read_plan(tmp_path)


def test_choices_lie_below_what_is_set():
    given_plan = plan(settings={"box_size": [1, 1, 1]}, reasons={})
    choices = [Choice("box_size", [2, 2, 2], "rule"), Choice("batch_size", 4, "few", "train")]
    found = Plan(**{**vars(given_plan), **given_plan.with_choices(choices)})
    assert found.settings["box_size"] == [1, 1, 1] and found.train == {"max_epochs": 3, "batch_size": 4}
    assert found.reasons == {"train.batch_size": "few"}


def test_the_terminal_has_three_sentences_the_stages_and_the_next_command(tmp_path):
    text = describe_plan(tmp_path, plan())
    sentences, table, settings, command = text.split("\n\n")
    assert len(sentences.splitlines()) == 3
    assert "100 images of 100 subjects (60 benign, 40 malignant), 2 without a label" in sentences
    assert "about 13 min on cpu with 2 cores, 1.2 GB of memory" in sentences
    assert table.splitlines()[1].split() == ["training", "Scratch", "2", "3", "10", "min"]
    assert "box_size = [32, 32, 32]: 95 % of the lesions fit" in settings
    assert command.endswith(f"python scripts/study.py finish {tmp_path}")


def test_what_does_not_fit_is_a_warning(tmp_path):
    found = plan()
    needed = {"fits": False, "shortest_budget": "17m", "left_out": {"se": "20m"}}
    estimate = {**found.estimate, **needed, "memory_gb": 15.0, "disk_gb": 200.0}
    text = describe_plan(tmp_path, plan(estimate=estimate))
    for words in (
        "se; --budget 20m keeps it",
        "--budget 17m is enough",
        "GB of memory are free",
        "GB of disk are free",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("load", "waited", "said"),
    [(0.1, 0.1, None), (1.3, 0.0, "busy. The times are those of an idle machine"), (0.1, 0.75, "4.0 times as long")],
)
def test_a_busy_machine_is_a_warning_with_what_it_means(tmp_path, load, waited, said):
    found = plan(machine={**plan().machine, "load": load})
    text = describe_plan(tmp_path, replace(found, estimate={**found.estimate, "waited": waited}))
    assert said in text if said else "WARNING" not in text
