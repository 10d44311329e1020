from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest
from scipy import stats

from common.evaluation import corrected_resampled_t_test, delong_test, mcnemar_test
from common.evaluation.statistics.compare import combine_p_values


@pytest.mark.parametrize(("b", "c"), [(10, 2), (3, 3), (0, 5), (40, 25)])
def test_mcnemar_matches_the_textbook_sums(b, c):
    first = np.r_[np.ones(b), np.zeros(c), np.ones(8), np.zeros(4)]
    second = np.r_[np.zeros(b), np.ones(c), np.ones(8), np.zeros(4)]
    found = mcnemar_test(first, second)
    exact = min(1, 2 * sum(comb(b + c, k) for k in range(min(b, c) + 1)) / 2 ** (b + c))
    assert (found.only_first, found.only_second) == (b, c)
    assert found.p_exact == pytest.approx(exact)
    assert found.p_asymptotic == pytest.approx(stats.chi2.sf(max(abs(b - c) - 1, 0) ** 2 / (b + c), 1))


def test_methods_that_never_disagree_do_not_differ():
    assert mcnemar_test([1, 0, 1], [1, 0, 1]).p_exact == 1


def naive_delong(positive, first, second):
    """DeLong et al. 1988 by its double sums."""

    def kernel(x, y):
        return 1.0 if x > y else 0.5 if x == y else 0.0

    aucs, v10, v01 = [], [], []
    for scores in (first, second):
        table = np.array([[kernel(x, y) for y in scores[~positive]] for x in scores[positive]])
        aucs.append(table.mean())
        v10.append(table.mean(1))
        v01.append(table.mean(0))
    m, n = positive.sum(), (~positive).sum()
    s = np.zeros((2, 2))
    for i, j in product(range(2), repeat=2):
        s[i, j] = np.sum((v10[i] - aucs[i]) * (v10[j] - aucs[j])) / (m - 1) / m
        s[i, j] += np.sum((v01[i] - aucs[i]) * (v01[j] - aucs[j])) / (n - 1) / n
    z = (aucs[0] - aucs[1]) / np.sqrt(s[0, 0] + s[1, 1] - 2 * s[0, 1])
    return aucs, 2 * stats.norm.sf(abs(z))


@pytest.mark.parametrize("decimals", [8, 1])
def test_delong_matches_its_double_sums_with_and_without_ties(decimals):
    rng = np.random.default_rng(0)
    positive = rng.random(50) < 0.4
    first = np.round(rng.normal(size=50) + positive, decimals)
    second = np.round(0.5 * first + rng.normal(size=50), decimals)
    aucs, p = naive_delong(positive, first, second)
    found = delong_test(positive, first, second)
    assert (found.first, found.second) == pytest.approx(tuple(aucs))
    assert found.p == pytest.approx(p)
    assert found.low < found.difference < found.high
    swapped = delong_test(positive, second, first)
    assert swapped.difference == pytest.approx(-found.difference) and swapped.p == pytest.approx(found.p)


def test_delong_of_a_method_with_itself_is_one():
    positive, scores = np.array([0, 1, 0, 1], dtype=bool), np.array([0.1, 0.4, 0.5, 0.9])
    assert delong_test(positive, scores, 3 * scores + 1).p == 1


def test_delong_rejects_as_often_as_it_says_where_there_is_no_difference():
    rng = np.random.default_rng(1)
    positive = np.arange(80) < 40
    p = [delong_test(positive, *(rng.normal(size=80) + positive for _ in range(2))).p for _ in range(600)]
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.09


def test_the_corrected_t_test_matches_its_formula_and_is_more_cautious_than_the_paired_one():
    differences = np.array([0.05, 0.02, 0.08, -0.01, 0.04])
    found = corrected_resampled_t_test(differences, test_to_train=0.25)
    t = differences.mean() / np.sqrt((1 / 5 + 1 / 4) * differences.var(ddof=1))
    assert found.t == pytest.approx(t)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(t), 4))
    assert found.p > stats.ttest_1samp(differences, 0).pvalue
    assert corrected_resampled_t_test(differences, 0).p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)


def test_folds_without_any_difference_do_not_differ():
    assert corrected_resampled_t_test(np.zeros(5), 0.25).p == 1


def test_p_values_of_seeds_are_combined_by_twice_the_median():
    assert combine_p_values(np.array([0.03])) == 0.03
    assert combine_p_values(np.array([0.01, 0.02, 0.9])) == pytest.approx(0.04)
    assert combine_p_values(np.array([0.7, 0.8])) == 1
