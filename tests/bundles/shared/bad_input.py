"""Bad input ends a run with one clear line, an exit code other than 0 and nothing half-written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tests.bundles.damage import damaged


class SharedBadInput:
    """Tests of every bundle's ``test_bad_input.py``."""

    #: case: options of pretrain.yaml, and a pattern of what is reported
    bad_options: Mapping[str, tuple[dict, str]]
    #: what spares the bad options time
    bad_options_with: Mapping[str, object] = {}
    #: config, and options of which one is "pretrained" or "classifier": the weights that are wrong there
    other_architectures: Sequence[tuple[str, dict]]
    #: pattern of what is reported
    other_architecture_is = "another architecture"
    #: whole files that are written before the checkpoint is read, and are good for the next try
    left_over: Sequence[str] = ()

    def test_a_bad_option_is_reported_in_one_line(self, bad_option, error_lines, configs, settings):
        _, (options, expected) = bad_option
        values = settings("pretrain.yaml") | self.bad_options_with | options
        first, *others = error_lines(configs / "pretrain.yaml", **values)
        assert re.search(expected, first), first
        count = re.search(r"(\d+) problems?$", first)
        assert len(others) == (int(count[1]) if count else 0)

    def test_a_checkpoint_of_another_architecture_is_reported_in_one_line(
        self, other_architecture, error_lines, configs, settings, pretrained, classifier
    ):
        config, options = other_architecture
        files = {"pretrained": pretrained, "classifier": classifier}
        (key,) = (key for key, value in options.items() if isinstance(value, str) and value in files)
        path = files[options[key]]
        (line,) = error_lines(configs / config, self.left_over, **settings(config) | options | {key: path})
        assert re.search(self.other_architecture_is, line) and str(path) in line

    def test_another_run_in_the_output_folder_is_reported_and_kept(
        self, run_config, error_lines, configs, settings, tmp_path
    ):
        options = settings("pretrain.yaml") | {"max_epochs": 1}
        run_config(configs / "pretrain.yaml", output_dir=tmp_path / "output", **options)
        (line,) = error_lines(configs / "pretrain.yaml", **options | {"seed": 1, "max_epochs": 2})
        assert "seed 0 (now 1)" in line and "resume" in line


class BadFiles:
    """Of bundles with a mask."""

    #: case: key of the row, damage of its file, and a pattern of what is reported
    bad_files: Mapping[str, tuple]

    def test_a_bad_file_is_reported_with_row_and_file(self, bad_file, error_lines, configs, settings, tiny, tmp_path):
        _, (key, damage, expected) = bad_file
        datalist, path = damaged(tiny["dataset_dir"], tmp_path, key, damage)
        count, line = error_lines(configs / "pretrain.yaml", **settings("pretrain.yaml") | {"datalist": datalist})
        assert count == f"error: {datalist}: 1 problem"
        assert "training[3]" in line and str(path) in line and re.search(expected, line), line
