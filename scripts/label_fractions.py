"""Compare methods of a bundle over the number of labels: pre-train once, then learn from 5 to 100 % of the labels."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import fire

from common import brief_input_errors, bundle_root
from common.evaluation import LabelFractions
from common.evaluation.protocols.read_methods import several


def label_fractions(
    bundle: str,
    dataset_dir: str,
    output_dir: str,
    methods: Sequence[str] | str,
    fractions: Sequence[float] | float = (0.05, 0.2, 0.5, 1.0),
    seeds: Sequence[int] | int = (0, 1, 2),
    fold: Sequence[int] | int = 0,
    transductive: bool = False,
    pretraining_datalist: str | None = None,
    overlays: Sequence[str] | str = (),
    pretrain: Mapping[str, Any] | None = None,
    train: Mapping[str, Any] | None = None,
    max_correlation: float | None = 0.95,
    **settings: Any,
) -> None:
    """Pre-train each method once, let it learn from parts of the labels, test it on the same fold, draw the curves.

    Start the same command again to go on after an interruption, or with more methods, fractions or seeds. Further flags
    override ids of the configs in every stage that has them, e.g. --image_size "[96,96]" --device cpu.

    Args:
        bundle: name of the bundle, e.g. radiomics_deep_contrast.
        dataset_dir: folder of datalist.json (scripts/make_datalist.py and make_phantom.py write one).
        output_dir: folder for everything that comes out.
        methods: rows to compare, separated by commas, the first of which others are compared with. To fine-tune:
            start+overlay of train.yaml; the start is scratch, imagenet (--pretrained_weights), pretrain (pretrain.yaml
            as it stands), an overlay of pretrain.yaml or its encoder_name. To freeze: start+linear_probe. Features
            without a network: radiomics, or radiomics+overlay of extract_features.yaml.
        fractions: of the training subjects that keep their label.
        seeds: each chooses those subjects and seeds the training.
        fold: held out as the test set; of several folds, e.g. 0,1,2,3,4, the predictions are pooled.
        transductive: pre-train once, on all subjects, instead of once for each held-out fold.
        pretraining_datalist: pre-train once, on the subjects of this datalist, who must be others.
        overlays: cohort overlays for all stages.
        pretrain: ids of pretrain.yaml alone, e.g. "{max_epochs: 100}".
        train: ids of train.yaml alone, e.g. "{max_epochs: 20, learning_rate: 0.001}".
        max_correlation: of two radiomic features more alike than this one is dropped; None keeps all.
        **settings: ids of the configs and their values.
    """
    report = LabelFractions(
        bundle_root(bundle),
        dataset_dir,
        output_dir,
        methods=several(methods),
        fractions=several(fractions),
        seeds=several(seeds),
        folds=several(fold),
        transductive=transductive,
        pretraining_datalist=pretraining_datalist,
        overlays=several(overlays),
        pretrain=pretrain,
        train=train,
        max_correlation=max_correlation,
        **settings,
    ).run()
    print(f"\nTable: {report.parent / 'label_fractions.md'}\nCurves: {report.parent / 'figures/label_fractions.png'}")
    print(f"Report: {report}")


def main(words: list[str]) -> None:
    """Run the command line ``words``."""
    if {"-h", "--help"} & set(words):  # Fire would take it for an id of the configs
        words = ["--", "--help"]
    fire.Fire(label_fractions, words)


if __name__ == "__main__":
    brief_input_errors()
    main(sys.argv[1:])
