"""A bundle's pages name what there is, and their commands are such that MONAI takes them."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.bundles.bundle_files import BUNDLES, config_files, read_config

PAGES = ("README.md", "reference.md", "results.md")
READMES = {bundle.name: "\n".join((bundle / "docs" / name).read_text() for name in PAGES) for bundle in BUNDLES}
EACH_BUNDLE = pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.name)


def commands(text: str) -> list[list[str]]:
    """The words of each command in the text's blocks of bash that starts ``monai.bundle run``, its variables filled."""
    found = []
    for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            words = shlex.split(line.replace("$C", "CONFIGS").replace("$D", "D").replace("$O", "O"), comments=True)
            if "monai.bundle" in words and "run" in words:
                found.append(words)
    return found


@EACH_BUNDLE
def test_the_readme_names_each_config(bundle):
    for path in config_files(bundle):
        assert f"`{path.name}`" in READMES[bundle.name], path.name


@EACH_BUNDLE
def test_the_readme_lists_every_choice_that_a_config_marks_as_ours(bundle):
    part = READMES[bundle.name].split("## What the paper leaves open")[1].split("\n## ")[0]
    for path in config_files(bundle):
        for key in re.findall(r"^[\s-]*(\w+):.*\bours\b", path.read_text(), re.MULTILINE):
            assert f"`{key}`" in part, f"{path.name}: {key}"


@EACH_BUNDLE
def test_each_command_of_the_readme_sets_only_ids_of_its_configs(bundle):
    assert len(commands(READMES[bundle.name])) >= 5
    for words in commands(READMES[bundle.name]):
        files = re.findall(r"(?:CONFIGS|O)/([\w.]+)", words[words.index("--config_file") + 1])
        known = set().union(*(read_config(bundle / "configs" / name) for name in files))
        assert words[words.index("run") + 1] in known
        options = {word[2:].split("#")[0] for word in words[words.index("run") :] if word.startswith("--")}
        assert options - {"config_file", "tracking"} <= known, words


@EACH_BUNDLE
def test_each_option_that_the_readme_explains_is_an_id_of_a_config(bundle):
    known = set().union(*(read_config(path) for path in config_files(bundle)))
    table = READMES[bundle.name].split("## Options")[1].split("\n## ")[0]
    explained = set(re.findall(r"`--(\w+)", table)) - {"id", "tracking", "logdir"}
    assert len(explained) > 10 and explained <= known


@EACH_BUNDLE
def test_the_readme_says_what_it_is_not_for_and_is_read_in_minutes(bundle):
    text = (bundle / "docs/README.md").read_text()
    assert "not for clinical use" in text.split("\n## ")[0]
    assert len(text.split()) <= 1500


def test_the_method_of_3dsiam_is_described_with_the_defaults_beside_the_paper_s_values():
    bundle = next(bundle for bundle in BUNDLES if bundle.name == "siam3d_imbalance")
    text = " ".join((bundle / "docs/README.md").read_text().split())
    default = read_config(bundle / "configs/pretrain.yaml")
    paper = default | read_config(bundle / "configs/paper.yaml")
    for words, config in (("The paper has", paper), ("the defaults are", default)):
        candidates = config["num_clusters"] * config["candidates_per_cluster"]
        assert f"{words} N = {candidates} and m = {config['batch_size']}" in text


@EACH_BUNDLE
def test_the_folder_opens_on_a_readme_that_leads_to_its_pages(bundle):
    text = (bundle / "README.md").read_text()
    assert re.findall(r"\]\((docs/[\w.]+)\)", text) == [f"docs/{name}" for name in PAGES]
    files = [words[words.index("--config_file") + 1] for words in commands(text)]
    assert files == [f"bundles/{bundle.name}/configs/{name}" for name in ("inference.json", "train.yaml")]
