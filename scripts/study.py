"""One study: from a cohort to a report and a model that is calibrated, packaged and tried."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from common.command_line import run_commands
from common.errors import OptionError, brief_input_errors
from common.hints import did_you_mean
from common.programs import command_of


def study(
    bundle: str,
    dataset_dir: str,
    output_dir: str,
    budget: str | None = None,
    until: Literal["plan", "compare", "conclude", "finish"] = "finish",
    final: Literal["all", "ensemble"] = "all",
    task: Literal["classification", "segmentation"] | None = None,
    datalist: str | None = None,
    test_datalist: str | None = None,
    methods: Sequence[str] | None = None,
    overlays: Sequence[str] = (),
    recipe: Literal["default", "paper"] = "default",
    seeds: Sequence[int] = (0,),
    vary_pretraining: bool = False,
    fractions: Sequence[float] = (1.0,),
    workers: int = 1,
    incomplete: Literal["report", "drop"] = "report",
    pretrain: Mapping[str, Any] | None = None,
    train: Mapping[str, Any] | None = None,
    **settings: Any,
) -> None:
    """Plan a study of a cohort, compare the bundle's methods, conclude, and finish the model to hand on.

    Start the same command again to continue, also after a kill: nothing that is finished is repeated. The plan is
    <output_dir>/plan.yaml: edit it after --until plan, then "study.py finish <output_dir>" does the rest. The steps
    alone: study.py compare <output_dir>, conclude, finish; each runs what is missing before it. Further options
    override ids of the configs, as everywhere: --image_size "[96,96]" --device cpu.

    Args:
        bundle: name of the bundle, e.g. siam3d_imbalance, or its folder.
        dataset_dir: folder of the cohort's datalist.json.
        output_dir: folder of the study.
        budget: time for the whole study, e.g. 30m or 2h, to which epochs and methods are fitted; by default the epochs
            of the papers.
        until: last step.
        final: final model: all, one network trained on all labelled subjects, or ensemble, the networks of the folds as
            one.
        task: task of the study; by default segmentation where labels are paths of label maps.
        datalist: datalist of the cohort; by default <dataset_dir>/datalist.json.
        test_datalist: datalist of a separate test set (its section testing, or else training), instead of
            cross-validation.
        methods: rows of the comparison as in label_fractions.py, separated by commas; by default those of the bundle.
        overlays: further config files of the bundle for all stages, or for one, such as pretrain:paper.
        recipe: paper for the literal protocol of the bundle's paper, whose overlays come first, or default for ours.
            What the plan sets for cohort and machine lies over either.
        seeds: random seeds, for each of which the trainings are repeated, e.g. 0,1,2; the final model has the first.
            The option --seed is refused; --pretrain "{seed: 1}" is the seed of the pre-trainings alone.
        vary_pretraining: whether each pre-training is repeated for each seed, too.
        fractions: parts of the labels, e.g. 0.1,0.5,1 for a curve of label efficiency.
        workers: number of processes that run trainings at the same time, each with its share of the cores.
        incomplete: rows with problems: report refuses them, all at once; drop leaves them out and reports it.
        pretrain: ids of pretrain.yaml alone, e.g. "{max_epochs: 100}".
        train: ids of the training alone.
        **settings: ids of the configs and their values.
    """
    from common.study import Study, Wishes

    optional = {name: Path(path) for name, path in (("datalist", datalist), ("test_datalist", test_datalist)) if path}
    wishes = Wishes(
        bundle,
        Path(dataset_dir),
        Path(output_dir),
        **optional,
        task=task,
        methods=methods,
        overlays=overlays,
        recipe=recipe,
        seeds=seeds,
        vary_pretraining=vary_pretraining,
        fractions=fractions,
        workers=workers,
        budget=budget,
        final=final,
        drop=incomplete == "drop",
        pretrain=pretrain or {},
        train=train or {},
        settings=settings,
    )
    found = Study(output_dir)
    found.plan(wishes)
    if until != "plan":
        getattr(found, until)()


def compare(output_dir: str) -> None:
    """Run the methods of <output_dir>/plan.yaml.

    Args:
        output_dir: folder of the study.
    """
    from common.study import Study

    print(f"numbers: {Study(output_dir).compare()}")


def conclude(output_dir: str) -> None:
    """Write the report of the comparison and choose the final method.

    Args:
        output_dir: folder of the study.
    """
    from common.study import Study

    Study(output_dir).conclude()


def finish(output_dir: str) -> None:
    """Train, calibrate, package and try the final model, after all that is missing before.

    Args:
        output_dir: folder of the study.
    """
    from common.study import Study

    Study(output_dir).finish()


STEPS = {"compare": compare, "conclude": conclude, "finish": finish}


def _check_step(word: str) -> None:
    """Refuse a mistyped step, which would be taken for a bundle."""
    from common.bundle_configs import bundle_names

    if word == "plan":
        remedy = f"{command_of('study')} BUNDLE DATASET_DIR OUTPUT_DIR --until plan makes one"
    elif not (remedy := did_you_mean(word, STEPS, "")):
        return
    if word not in bundle_names() and not Path(word).exists():
        raise OptionError(f"found {word}, expected a bundle or one of {', '.join(STEPS)}; {remedy}")


if __name__ == "__main__":
    brief_input_errors()
    first = next(iter(sys.argv[1:]), "")
    if first not in STEPS:
        _check_step(first)
    run_commands(STEPS if first in STEPS else study)
