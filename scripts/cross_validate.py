"""Compare methods of a bundle by cross-validation: pre-train, probe, fine-tune and report in one command."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import fire

from common import brief_input_errors, bundle_root
from common.evaluation import CrossValidation
from common.evaluation.protocols.read_methods import several


def cross_validate(
    bundle: str,
    dataset_dir: str,
    output_dir: str,
    methods: Sequence[str] | str | None = None,
    finetune: Sequence[str] | str = (),
    seeds: Sequence[int] | int = (),
    folds: int | None = None,
    transductive: bool = False,
    pretraining_datalist: str | None = None,
    overlays: Sequence[str] | str = (),
    sweep: Mapping[str, Sequence[Any]] | None = None,
    probe: Mapping[str, Any] | None = None,
    **settings: Any,
) -> None:
    """Pre-train, probe, fine-tune and evaluate every method on every fold, and put all into one report.

    Start the same command again to go on after an interruption. Further flags override ids of the configs in every
    stage, e.g. --max_epochs 10 --box_size "[48,48,48]" --device cpu --amp True.

    All of Chiang et al. 2023: cross_validate.py liver_cgc --dataset_dir data --output_dir results --seeds 0,1,2,3,4
    --methods simclr,simclr_mda,byol,byol_mda,simsiam,simsiam_mda --pretrained_weights efficientnet_b2.pth
    --finetune mcl+single,scl+single,imagenet+single,mcl+cgc,mcl+cmc

    Args:
        bundle: name of the bundle, e.g. siam3d_imbalance.
        dataset_dir: folder of datalist.json (scripts/make_datalist.py and make_phantom.py write one).
        output_dir: folder for everything that comes out.
        methods: overlays of pretrain.yaml to pre-train and probe, separated by commas, and supervised; by default
            plain,re,se, or none where there is something to fine-tune.
        finetune: networks to train, each start+overlay: the start is scratch, imagenet (--pretrained_weights), an
            overlay of pretrain.yaml or its encoder_name; the overlays are those of train.yaml.
        seeds: each deals the folds anew and seeds the training, e.g. 0,1,2,3,4; by default the datalist's folds.
        folds: number of folds that each seed deals; by default as many as the datalist has, or five.
        transductive: pre-train once, on all subjects, as the papers do, instead of once for each fold.
        pretraining_datalist: pre-train once, on the subjects of this datalist, who must be others.
        overlays: cohort overlays for all stages, e.g. brats or lung.
        sweep: an id and its values, e.g. "{num_clusters: [2, 3, 4, 5]}", each tried with every method.
        probe: settings of the linear probe, e.g. "{label_fractions: [1.0, 0.5], seeds: [0, 1, 2]}".
        **settings: ids of the configs and their values.
    """
    report = CrossValidation(
        bundle_root(bundle),
        dataset_dir,
        output_dir,
        methods=several(methods if methods is not None else () if finetune else ("plain", "re", "se")),
        finetune=several(finetune),
        seeds=several(seeds),
        folds=folds,
        transductive=transductive,
        pretraining_datalist=pretraining_datalist,
        overlays=several(overlays),
        sweep=sweep,
        probe=probe,
        **settings,
    ).run()
    print(f"\nReport: {report}\nFigures: {report.parent / 'figures'}")


def main(words: list[str]) -> None:
    """Run the command line ``words``."""
    if {"-h", "--help"} & set(words):  # Fire would take it for an id of the configs
        words = ["--", "--help"]
    fire.Fire(cross_validate, words)


if __name__ == "__main__":
    brief_input_errors()
    main(sys.argv[1:])
