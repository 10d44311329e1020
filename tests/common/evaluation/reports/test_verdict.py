from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from common.evaluation.predictions import outcomes_of
from common.evaluation.reports.study.differences import compare_all, explanations
from common.evaluation.reports.study.judged import Judged, judge
from common.evaluation.reports.study.study_files import _kind_of
from common.evaluation.reports.study.subgroups import confounders, subgroups
from common.evaluation.reports.study.verdict import _percent, conclude, simplest_baseline

SUMMARY = {
    "subjects": 80,
    "classes": [{"name": "low", "subjects": 40}, {"name": "high", "subjects": 40}],
    "confidence": 0.95,
}


def outcomes(strengths: dict[str, float], seeds: int = 1) -> dict:
    """Predictions with signals of given strengths in the same noise."""
    labels, parts = np.arange(80) % 2, []
    for seed in range(seeds):
        noise = np.random.default_rng(seed).normal(size=80)
        for number, (name, strength) in enumerate(strengths.items()):
            own = np.random.default_rng([number, seed]).normal(size=80)
            p = 1 / (1 + np.exp(-(noise + 0.3 * own + strength * (2 * labels - 1))))
            keys = {"set": name, "fraction": 1.0, "seed": seed, "fold": np.arange(80) // 2 % 4}
            columns = {"label": labels, "prediction": (p > 0.5).astype(int), "probability_0": 1 - p, "probability_1": p}
            parts.append(pd.DataFrame({"subject": [f"s{i:02d}" for i in range(80)], **keys, **columns}))
    return {outcome.name: outcome for outcome in outcomes_of(pd.concat(parts))}


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_p_value_is_small_exactly_where_the_interval_leaves_0_out(seeds):
    judged = judge(outcomes({"a": 1.0, "b": 0.9, "c": 0.4, "d": 0.0}, seeds), 1, resamples=400)
    for first in "abcd":
        for second in set("abcd") - {first}:
            found = judged.difference(first, second, "auc")
            assert found.decided == (found.p < 0.05)
            assert found.value == pytest.approx(-judged.difference(second, first, "auc").value)


@pytest.mark.parametrize("at_or_below", [48, 49, 50, 51])
def test_an_interval_that_ends_between_two_resamples_never_contradicts_its_p_value(at_or_below):
    """An interpolated quantile leaves 0 out with 50 of 2000 resamples below it, beside p = 0.05."""
    draws = np.sort(np.r_[np.linspace(-1e-6, 0, at_or_below), np.linspace(0.5, 1, 2000 - at_or_below)])
    points = {name: {"auc": np.array([0.7])} for name in "ab"}
    found = Judged(points, {"a": {"auc": draws}, "b": {"auc": np.zeros(2000)}}, 0.95).difference("a", "b", "auc")
    assert found.decided == (found.p < 0.05) == (at_or_below < 50)


def test_the_verdict_names_best_method_baseline_and_what_is_undecided():
    judged = judge(outcomes({"Radiomics": 0.3, "SE": 1.2, "RE": 1.15}), 1, resamples=400)
    kinds = {"Radiomics": "radiomics", "SE": "pretrained", "RE": "pretrained"}
    verdict = conclude(judged, SUMMARY, kinds)
    assert (verdict.method, verdict.baseline, verdict.undecided) == ("SE", "Radiomics", ("RE",))
    assert verdict.sentences[0].startswith("SE separates low from high best of 3 methods: on 80 held-out subjects")
    assert "the simplest baseline, Radiomics," in verdict.sentences[1] and "beyond chance" in verdict.sentences[1]
    assert "cannot decide between SE and RE" in verdict.sentences[2]


def test_a_method_at_chance_is_not_said_to_separate_and_the_choice_of_a_study_counts():
    judged = judge(outcomes({"Scratch": 0.0, "Radiomics": 1.0}), 1, resamples=400)
    verdict = conclude(judged, SUMMARY, {"Scratch": "scratch", "Radiomics": "radiomics"}, chosen="Scratch")
    assert verdict.sentences[0].startswith(
        "Scratch cannot be shown to separate low from high, chosen although Radiomics has the largest AUC"
    )
    assert "the simplest baseline, Radiomics," in verdict.sentences[1]
    best = conclude(judged, SUMMARY, {"Scratch": "scratch", "Radiomics": "radiomics"})
    assert "the next baseline, Scratch," in best.sentences[1]
    assert verdict.sentences[2].startswith("Radiomics has a higher AUC beyond chance; the cohort cannot decide")
    assert best.sentences[2].startswith("The other method has a lower AUC beyond chance;")


def test_a_baseline_without_another_one_is_not_said_to_be_pre_trained():
    judged = judge(outcomes({"Scratch": 1.0, "SE": 0.9}), 1, resamples=100)
    alone = conclude(judged, SUMMARY, {"Scratch": "scratch", "SE": "pretrained"}, chosen="Scratch")
    assert alone.sentences[1].endswith("no other baseline was compared.")
    without = conclude(judged, SUMMARY, {"Scratch": "pretrained", "SE": "pretrained"})
    assert without.sentences[1].endswith("no baseline without pre-training was compared.")


@pytest.mark.parametrize("share", [0.125, 0.375, 0.825, 0.975])
def test_a_percentage_of_the_verdict_is_the_number_in_the_tables(share):
    assert _percent(share) == f"{100 * float(f'{share:.2f}'):.0f}%"


def test_radiomics_is_simpler_than_scratch_and_scratch_than_imagenet():
    kinds = {"a": "imagenet", "b": "scratch", "c": "radiomics", "d": "pretrained"}
    assert simplest_baseline(kinds) == "c" and simplest_baseline(kinds, "c") == "b"
    assert simplest_baseline({"d": "pretrained"}) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Outline (LogVolume)", "outline"),
        ("Modality differences (radiomics minus t1)", "modality_differences"),
        ("Radiomics without shape", "radiomics"),
        ("Radiomics-deep + Hybrid", "pretrained"),
        ("Mean of Radiomics, Outline", "mean"),
        ("Mean of Outline, ImageNet slices", "mean"),
        ("3DSiam + SE + linear probe", "probe"),
    ],
)
def test_the_kind_of_a_method_without_a_record_is_known_by_its_name(name, kind):
    assert _kind_of(name) == kind


def test_tests_that_disagree_with_the_interval_are_explained_and_others_are_not():
    found = outcomes({"SE": 1.2, "Radiomics": 0.3})
    judged = judge(found, 1, resamples=400)
    comparisons = compare_all(judged, found, "SE", 1)
    assert comparisons[0].reading == "chosen is better"
    agreeing = [{**vars(each), "tests": {"DeLong": 0.001}} for each in comparisons]
    disagreeing = [{**vars(each), "tests": {"DeLong": 0.8}} for each in comparisons]
    kind = type(comparisons[0])
    assert explanations([kind(**each) for each in agreeing], judged, found, "SE", SUMMARY) == []
    (line,) = explanations([kind(**each) for each in disagreeing], judged, found, "SE", SUMMARY)
    assert line.startswith("DeLong's test and the interval of the AUC disagree for Radiomics (p = 0.80)")


def test_probabilities_that_are_no_better_than_the_majority_are_explained_where_the_order_is_right():
    found = outcomes({"SE": 1.2})
    flat = {"SE": replace(found["SE"], probabilities=0.5 + (found["SE"].probabilities - 0.5) / 1000)}
    assert any(
        "no better than that of the majority" in line
        for line in explanations([], judge(flat, 1, resamples=100), flat, "SE", SUMMARY)
    )
    assert not any(
        "majority" in line for line in explanations([], judge(found, 1, resamples=100), found, "SE", SUMMARY)
    )


def test_subgroups_are_those_of_the_subset_itself_and_small_ones_have_no_metrics():
    outcome = outcomes({"SE": 1.0})["SE"]
    rows = [{"subject": f"s{i:02d}", "centre": "A" if i < 60 else "B" if i < 74 else "C"} for i in range(80)]
    found = {group.value: group for group in subgroups(outcome, rows, 1, resamples=50)}
    part = outcome.scores[0][:60][outcome.labels[:60] == 1], outcome.scores[0][:60][outcome.labels[:60] == 0]
    expected = (part[0][:, None] > part[1]).mean()
    assert found["A"].metrics["auc"].value == pytest.approx(expected)
    assert (found["A"].subjects, found["C"].subjects, found["C"].first) == (60, 6, None)


def test_only_a_column_that_determines_the_class_is_a_confounder():
    classes = {f"s{i}": i % 2 for i in range(20)}
    rows = [
        {"subject": name, "site": "AB"[label], "sex": "FM"[i // 2 % 2]}
        for i, (name, label) in enumerate(classes.items())
    ]
    (line,) = confounders(classes, rows)
    assert line.startswith("The column site almost determines the class (it removes 100%")
