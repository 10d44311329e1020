from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from common.errors import InputError
from common.evaluation import write_lesion_report, write_study_report
from common.evaluation.reports.study.page import renew_next_command
from tests.common.evaluation.reports.fake_comparison import METHODS, write_comparison

VOID = {"meta", "img", "br", "link", "input"}
SUBJECTS = 48
BEST, RADIOMICS = "3DSiam + SE + fine-tuned", "Radiomics"


class Reader(HTMLParser):
    """Checks that elements are closed in order, and collects ids and addresses."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.addresses += [value for key, value in attributes if key in ("src", "href", "xlink:href") and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def write_cohort(folder: Path) -> list[dict]:
    """Pictures with masks, all of class 1 from one centre, one subject without a label and one in no tested fold."""
    rows = []
    for i in range(SUBJECTS + 2):
        image = np.random.default_rng(i).integers(0, 255, (24, 32), dtype=np.uint8)
        mask = np.zeros((24, 32), dtype=np.uint8)
        mask[6:12, 8:16] = 255
        Image.fromarray(image).save(folder / f"{i}.png")
        Image.fromarray(mask).save(folder / f"{i}_mask.png")
        row = {"image": f"{i}.png", "mask": f"{i}_mask.png", "subject": f"s{i:02d}", "label": i % 2, "fold": i % 4 // 2}
        rows.append({**row, "centre": "A" if i % 2 else "B", "sex": "F" if i % 3 else "M", "age": 20 + i})
    del rows[-1]["label"]
    rows[-2]["fold"] = 7
    (folder / "datalist.json").write_text(json.dumps({"labels": {"0": "low", "1": "high"}, "training": rows}))
    return rows


@pytest.fixture(scope="module")
def study(made_once) -> Path:
    def make(folder: Path) -> None:
        (folder / "data").mkdir()
        rows = write_cohort(folder / "data")
        write_comparison(folder / "out", rows[:SUBJECTS])
        collapsing = folder / "out" / "se" / "fold0" / "metrics.csv"
        pd.read_csv(collapsing).assign(feature_std=0.01).to_csv(collapsing, index=False)
        write_study_report(folder / "out", folder / "data" / "datalist.json")

    return made_once("study_report", make)


@pytest.fixture(scope="module")
def page(study) -> str:
    return (study / "out" / "report.html").read_text(encoding="utf-8")


def shown(page: str) -> str:
    """Text of the page without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_the_page_needs_no_other_file_no_network_and_no_script(page):
    found = Reader(page)
    assert "<script" not in page and "@import" not in page and "url(http" not in page
    loaded = [a for a in found.addresses if not a.startswith(("#", "data:", "report_files/"))]
    assert loaded == []
    assert not re.search(r"<(img|link|iframe|object|embed)[^>]+(src|href|data)=\"(?!data:)", page)


def test_ids_are_unique_and_each_link_within_the_page_leads_somewhere(page):
    found = Reader(page)
    assert len(found.ids) == len(set(found.ids))
    inner = [address[1:] for address in found.addresses if address.startswith("#")]
    assert inner and set(inner) <= set(found.ids)


def test_linked_figures_and_all_tables_are_beside_the_page(study, page):
    files = [a for a in Reader(page).addresses if a.startswith("report_files/")]
    assert files and all((study / "out" / name).is_file() for name in files)
    names = {path.name for path in (study / "out" / "report_files").glob("*.csv")}
    assert names == {
        *("methods.csv", "differences.csv", "confusion.csv", "learning_curves.csv", "subgroups.csv"),
        "worst_cases.csv",
    }
    differences = pd.read_csv(study / "out" / "report_files" / "differences.csv")
    assert set(differences["method"]) == set(METHODS) - {BEST}


def test_the_verdict_comes_first_in_three_sentences_with_majority_and_simplest_baseline(page):
    verdict = page[page.index('id="verdict"') :]
    verdict = verdict[: verdict.index('class="next"')]
    sentences = [shown(text) for text in re.findall(r"<p>.*?</p>", verdict, re.DOTALL)]
    assert len(sentences) == 3
    assert sentences[0].startswith(f"{BEST} separates low from high best of 4 methods: on {SUBJECTS} held-out subjects")
    assert (
        "most frequent class is correct in 50%" in sentences[1] and f"baseline, {RADIOMICS}, has an AUC" in sentences[1]
    )
    assert "cannot decide" in sentences[2]


def test_subjects_flow_from_the_datalist_to_those_judged(page):
    text = shown(page[page.index('id="subjects"') : page.index('id="methods"')])
    assert f"{SUBJECTS + 2} Subjects with usable images" in text
    assert "1 without a label: pre-training only s49" in text
    assert "1 not in a tested fold: training only s48" in text
    assert f"{SUBJECTS} Subjects judged by every method 24 low 24 high predicted out of fold, in 2 folds" in text


def test_confusions_count_each_subject_once(study, page):
    table = pd.read_csv(study / "out" / "report_files" / "confusion.csv")
    assert (table.groupby("method")["subjects"].sum() == SUBJECTS).all()
    assert table["subjects"].dtype.kind == "i"


def test_a_collapsed_pretraining_and_a_column_that_determines_the_class_are_named_above_everything_else(page):
    warnings = shown(page[page.index('id="warnings"') : page.index("<nav")])
    assert "se/fold0: all features are nearly equal" in warnings
    assert '--pretrain "{learning_rate: 0.005}"' in warnings
    assert "column centre almost determines the class (it removes 100% of the majority" in warnings
    assert "column sex" not in warnings


def test_the_worst_cases_have_pictures_file_names_and_the_smallest_probability_of_their_class(study, page):
    cases = page[page.index('id="cases"') :]
    assert cases.count("data:image/jpeg;base64,") == 10
    table = pd.read_csv(study / "out" / "report_files" / "worst_cases.csv")
    predictions = pd.read_csv(study / "out" / "report" / "predictions.csv").query(f"set == '{BEST}' and fraction == 1")
    p = np.where(predictions["label"] == 1, predictions["probability_1"], predictions["probability_0"])
    expected = predictions["subject"].to_numpy()[np.argsort(p)][:10]
    assert table["subject"].tolist() == expected.tolist()
    assert [files.split() for files in table["files"]] == [
        [f"{int(name[1:])}.png", f"{int(name[1:])}_mask.png"] for name in expected
    ]
    assert all(f"{int(name[1:])}_mask.png" in cases for name in expected)


def test_subgroups_cover_texts_and_thirds_of_numbers(page):
    text = shown(page[page.index('id="subgroups"') : page.index('id="cases"')])
    for name in ("centre: A", "sex: F", "sex: M", "age: ≤", "age: >"):
        assert name in text


def test_the_same_comparison_gives_the_same_page(study, page, tmp_path):
    shutil.copytree(study / "out", tmp_path / "out", ignore=shutil.ignore_patterns("report.html", "report_files"))
    again = write_study_report(tmp_path / "out", study / "data" / "datalist.json").read_text(encoding="utf-8")
    assert again.replace(str(tmp_path), str(study)) == page.replace(str(study / "out"), str(study / "out"))


def test_another_next_command_changes_nothing_else_of_a_page(page, tmp_path):
    (path := tmp_path / "page.html").write_text(page, encoding="utf-8")
    assert renew_next_command(path, "Use <it>:", r"predict 'x.zip' \1 & more")
    after = path.read_text(encoding="utf-8")
    expected = r"<p>Use &lt;it&gt;:</p>\n<pre><code>predict &#39;x.zip&#39; \1 &amp; more</code></pre>"
    assert after.count('<div class="next">\n' + expected.replace(r"\n", "\n")) == 1
    before, rest = page.split('<div class="next">')
    assert after.split('<div class="next">')[0] == before and after.endswith(rest.split("</div>", 1)[1])
    path.write_text("<p>no page</p>")
    assert not renew_next_command(path, "Use:", "it") and path.read_text() == "<p>no page</p>"


def test_without_a_datalist_the_page_says_what_is_missing(study, tmp_path):
    shutil.copytree(study / "out", tmp_path / "out", ignore=shutil.ignore_patterns("report_files", "se", "labels*"))
    text = shown(write_study_report(tmp_path / "out").read_text(encoding="utf-8"))
    assert "The datalist of this comparison is unknown" in text and "--datalist" in text
    assert "Verdict" in text and "Learning curves" not in text


def test_a_folder_without_a_comparison_is_one_line(tmp_path):
    with pytest.raises(
        InputError, match=r"report: no metrics.json and predictions.csv .* run the comparison to its end"
    ):
        write_study_report(tmp_path)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium here; on Debian: apt install chromium")
def test_a_browser_shows_the_page_on_a_phone_without_sideways_scrolling_in_the_dark_and_on_paper(study, page, tmp_path):
    probe = (
        "<script>addEventListener('load',()=>{const d=document.documentElement;document.body.setAttribute('data-found',"
        "[d.scrollWidth,innerWidth,getComputedStyle(document.body).backgroundColor,document.images.length,"
        "[...document.images].filter(i=>!i.naturalWidth).length,"
        "[...new Set([...document.querySelectorAll('.plot text')].map(text=>getComputedStyle(text).fill))].join()"
        "].join('|'))})</script></body>"
    )
    probed = tmp_path / "page.html"
    probed.write_text(page.replace("</body>", probe).replace(' loading="lazy"', ""), encoding="utf-8")

    def chromium(*options: str) -> str:
        base = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
        done = subprocess.run([*base, *options, probed.as_uri()], capture_output=True, text=True, timeout=120)
        return done.stdout

    measured = {}
    for scheme, options in (("light", ()), ("dark", ("--blink-settings=preferredColorScheme=0",))):
        text = chromium("--window-size=500,900", "--dump-dom", *options)
        measured[scheme] = re.search(r'data-found="([^"]+)"', text)[1].split("|")
        assert int(measured[scheme][0]) <= int(measured[scheme][1])
        assert measured[scheme][3:5] == ["10", "0"]
    assert measured["light"][2] == "rgb(244, 246, 248)" and measured["dark"][2] == "rgb(14, 18, 23)"
    assert (measured["light"][5], measured["dark"][5]) == (
        "rgb(26, 31, 37)",
        "rgb(229, 233, 238)",
    )  # letters of figures
    chromium(f"--print-to-pdf={tmp_path / 'page.pdf'}")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_a_comparison_of_segmentations_has_a_page_too(tmp_path):
    rng = np.random.default_rng(0)
    tables = {
        name: pd.DataFrame({"subject": [f"s{i}" for i in range(12)], "dice": rng.uniform(low, low + 0.1, 12)})
        for name, low in (("Scratch", 0.6), ("MLSSCL", 0.8))
    }
    write_lesion_report(tables, tmp_path / "report", resamples=100)
    page = write_study_report(tmp_path).read_text(encoding="utf-8")
    Reader(page)
    text = shown(page)
    assert "MLSSCL segments 12 held-out subjects with a mean Dice of 0.8" in text
    assert "The first method, Scratch, reaches 0.6" in text and "which is beyond chance" in text
    assert "The 10 worst cases of MLSSCL" in text
