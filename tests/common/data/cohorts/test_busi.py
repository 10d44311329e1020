from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from common.data import load_datalist
from common.data.cohorts import busi_datalist
from common.errors import InputError


@pytest.fixture
def root(tmp_path):
    """Sixteen images; each pair is one group."""
    root = tmp_path / "busi"
    lines = ["id,label,near_duplicate_group"]
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for i in range(16):
        name = f"{('benign', 'malignant', 'normal')[i // 2 % 3]}_{i:03d}"
        for folder in ("images", "masks"):
            (root / folder / f"{name}.png").touch()
        lines.append(f"{name},{name.split('_')[0]},{i // 2}")
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


def test_a_group_is_a_subject_and_normal_breasts_are_left_out(root, caplog):
    with caplog.at_level("INFO"):
        rows = load_datalist(busi_datalist(root, root / "busi.json", num_folds=2), check="none")
    assert "the class normal is left out; --classes benign,malignant,normal includes it" in caplog.text
    assert "12 rows (6 benign, 6 malignant)" in caplog.text and "dropped" not in caplog.text
    assert Counter(row["label"] for row in rows) == {0: 6, 1: 6}
    assert [row["subject"] for row in rows[:3]] == ["group0", "group0", "group1"]
    assert rows[0]["case"] == "benign_000" and rows[0]["mask"].endswith("masks/benign_000.png")


def test_normal_breasts_have_no_mask(root):
    path = busi_datalist(root, root / "busi.json", classes=("normal", "malignant"), num_folds=2)
    rows = load_datalist(path, check="none")
    assert all(("mask" in row) == (row["label"] == 1) for row in rows)


def test_all_bad_lines_are_reported_at_once(root):
    (root / "images" / "benign_001.png").unlink()
    text = (root / "labels.csv").read_text().replace("malignant,1", "odd,1").replace("benign,3", "benign,")
    (root / "labels.csv").write_text(text)
    with pytest.raises(InputError) as error:
        busi_datalist(root, root / "busi.json")
    lines = str(error.value).splitlines()
    assert lines[0] == f"{root}: 5 problems"
    assert lines[1] == "  image benign_001: no images/benign_001.png"
    assert lines[2] == "  image malignant_002: label is odd, expected one of benign, malignant, normal"
    assert lines[4] == "  image benign_006: near_duplicate_group is empty, expected the group's number"
    with pytest.raises(InputError, match="classes: found cyst, expected names of benign, malignant, normal"):
        busi_datalist(root, root / "busi.json", classes=("benign", "cyst"))


def test_no_fold_of_the_real_cohort_parts_near_duplicates(shared_data, tmp_path):
    path = busi_datalist(shared_data / "busi_256", tmp_path / "busi.json")
    rows = load_datalist(path, spatial_dims=2, mask="required", label="required", num_classes=2)
    assert Counter(row["label"] for row in rows) == {0: 281, 1: 137}
    folds = defaultdict(set)
    for row in rows:
        folds[row["subject"]].add(row["fold"])
    assert len(folds) < len(rows) and all(len(found) == 1 for found in folds.values())
    for fold in range(5):
        share = [row["label"] for row in rows if row["fold"] == fold]
        assert 0.30 < sum(share) / len(share) < 0.36 and 75 < len(share) < 92
