"""The configs of a bundle with the settings of one comparison, whose folder they claim."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...bundle_configs import PRETRAIN, BundleConfigs, Recipe, overlays_of, stage_of
from ...counts import counted
from ...errors import InputError
from ...files import file_digest, write_atomically
from ...hints import did_you_mean, unknown_options
from ...option_limits import device_problem
from ...option_references import part_problem
from ...run_identity import WITHOUT_EFFECT
from ...tasks import Workers
from .repetitions import modality_names, subjects_of

if TYPE_CHECKING:
    from monai.bundle import ConfigParser, ConfigWorkflow

__all__ = ["ConfiguredStages"]

#: Ids of the table of traditional features, and whether it is written, which not all bundles have.
TRADITIONAL = ("traditional_table", "write_traditional")
#: Settings that change no result, so that a comparison may go on with other values; a datalist's content counts.
FREE = WITHOUT_EFFECT | {"datalist", "report#figures"}
#: Settings of all stages that have them, unless others are given: preprocessed images are kept for the other stages,
#: and the report of all runs has the figures.
SHARED = {"cache": "both", "report#figures": False}
#: Datalist of other subjects for the pre-training.
ELSEWHERE = "pretraining_datalist"
#: Datalists, by whose content a comparison is known.
DATALISTS = ("datalist", ELSEWHERE)
#: Path of the datalist from the folder of the outputs, for the page of the comparison.
PLACE = "place"


class ConfiguredStages:
    """Configs of a bundle with the settings of one comparison, whose output folder is claimed for it.

    Args:
        bundle: name of the bundle, or its folder.
        dataset_dir: folder of the cohort's ``datalist.json``.
        output_dir: folder for all outputs.
        overlays: further config files of the bundle for all stages, such as ``brats`` or ``lung``, or for one as
            ``<stage>:<overlay>``, such as ``pretrain:paper``; a later one overrides an earlier one.
        recipe: "paper" for the overlays of the paper's protocol, first; "default" for none.
        transductive: whether encoders are pre-trained once on all subjects instead of once for each fold.
        pretraining_datalist: datalist of other subjects on which encoders are pre-trained once instead.
        settings: config ids and their values, for every stage that has them.
        of_stage: config ids and their values for a single stage, by its name.
        held_out: folds that are held out one by one, by default all; subjects of the others may be in
            ``pretraining_datalist`` too.
        workers: where the stages run; by default in this process, one after the other. They change no result, so a
            comparison may be continued with others.

    Raises:
        InputError: there is no datalist, torch does not know the device, or a subject is in both datalists.
    """

    #: What to do where results in the folder have other settings.
    remedy = "name another output_dir"

    def __init__(
        self,
        bundle: str | Path,
        dataset_dir: str | Path,
        output_dir: str | Path,
        *,
        overlays: Sequence[str] = (),
        recipe: Recipe = "default",
        transductive: bool = False,
        pretraining_datalist: str | Path | None = None,
        settings: Mapping[str, Any] | None = None,
        of_stage: Mapping[str, Mapping[str, Any]] | None = None,
        workers: Workers | None = None,
        held_out: Collection[int] | None = None,
    ) -> None:
        self.workers = workers or Workers()
        self.configs = BundleConfigs(bundle)
        self.dataset_dir, self.output_dir = Path(dataset_dir).resolve(), Path(output_dir).resolve()
        self.transductive, self.settings = transductive, dict(settings or {})
        self.datalist = Path(self.settings.get("datalist") or self.dataset_dir / "datalist.json").resolve()
        named = map(stage_of, [*self.configs.recipe(recipe), *overlays])
        self.overlays = [_typed(stage, self.configs.path(name)) for stage, name in named]
        self.of_stage = {stage: dict(ids) for stage, ids in (of_stage or {}).items()}
        self.modalities = modality_names(self.datalist)
        self.elsewhere = None if pretraining_datalist is None else Path(pretraining_datalist).resolve()
        self.one_encoder = transductive or self.elsewhere is not None  # for all folds
        device = self.settings.get("device")
        # A cluster has devices of its own, and what is finished may be reported where its GPU is not.
        elsewhere = self.workers.scheduler or str(device).startswith("cuda")
        if not elsewhere and (expected := device_problem(device)):
            raise InputError(f"device: found {device!r}; expected {expected}; correct it")
        self._check_elsewhere(held_out)

    def config_of(self, stage: str, overlays: Iterable[str] = ()) -> ConfigParser:
        """The config of a stage with the settings of this comparison; nothing of it has been created.

        Args:
            stage: name of the config.
            overlays: overlays of a row, by name.
        """
        return self._workflow(stage, [self.configs.path(name) for name in overlays], {}).parser

    def run_stage(self, stage: str, **overrides: Any) -> None:
        """Run a config of the bundle with the settings and overlays of this comparison, such as ``explain``.

        Args:
            stage: name of the config.
            **overrides: ids of the config and their values.
        """
        self._run(stage, [], **overrides)

    def _run(self, stage: str, overlays: Iterable[str], run_id: str = "run", **overrides: Any) -> None:
        """Run one stage, as ``python -m monai.bundle run`` would, with the settings that its config has."""
        workflow = self._workflow(stage, overlays, overrides)
        workflow.run_id = run_id
        workflow.initialize()
        workflow.run()
        workflow.finalize()
        del workflow
        gc.collect()  # frees the cohort in memory, to which the trainer's reference cycles refer
        _leave_out_of_collections()

    def _workflow(
        self, stage: str, overlays: Iterable[str], overrides: Mapping[str, Any], optional: Collection[str] = ()
    ) -> ConfigWorkflow:
        """One stage with its settings; overrides in ``optional`` are left out where its config does not have them."""
        from monai.bundle import ConfigWorkflow  # here, as the probe's worker processes do not need it

        files = [*self.configs.files(stage), *overlays_of(stage, self.overlays), *overlays]
        workflow = ConfigWorkflow(
            config_file=files,
            logging_file=str(self.configs.folder / "logging.conf"),
            workflow_type="train" if stage in (PRETRAIN, "train", "train_segmentation") else "infer",
        )
        known = workflow.parser.get()
        shared = {key: value for key, value in SHARED.items() if key in workflow.parser}
        wanted = {**shared, **({"modalities": self.modalities} if self.modalities else {}), **self.settings}
        settings = {key: value for key, value in wanted.items() if key.split("#")[0] in known}
        settings |= self.of_stage.get(stage, {})
        settings |= {"quiet": True} if "quiet" in known and not self.workers.here else {}
        left_out = {*optional, *TRADITIONAL} - set(known)
        overrides = {key: value for key, value in overrides.items() if key not in left_out}
        given = {**settings, "dataset_dir": str(self.dataset_dir), **overrides}
        if problems := [problem for name in given if (problem := part_problem(name, known))]:
            raise InputError.of_rows(stage, problems)
        workflow.parser.update(given)
        return workflow

    def _identity(self) -> dict[str, Any]:
        """Settings that must be equal in all runs of one comparison."""
        elsewhere = {ELSEWHERE: file_digest(self.elsewhere, "sha256")} if self.elsewhere else {}
        digest = file_digest(self.datalist, "sha256")
        return {"settings": self.settings, "overlays": self._names(self.overlays), "datalist": digest, **elsewhere}

    def _names(self, overlays: Iterable[str]) -> list[str]:
        """Overlays of the bundle by name, so that its folder may be another one later; others by their path."""
        paths = [(stage, Path(path)) for stage, path in map(stage_of, overlays)]
        return [_typed(stage, path.stem if path.parent == self.configs.folder else str(path)) for stage, path in paths]

    @property
    def _claim(self) -> Path:
        return self.output_dir / "settings.json"

    def check_identity(self) -> None:
        """Refuse to mix two comparisons in one folder.

        Raises:
            InputError: results in the folder have other settings.
        """
        identity, path = self._plain_identity(), self._claim
        try:
            found = json.loads(path.read_text()) if path.is_file() else identity
            found = {"datalist": identity["datalist"], **found}  # earlier versions wrote none, and paths of overlays
            found |= {"overlays": self._names(found.get("overlays", ()))}
            if self.elsewhere and found.get(ELSEWHERE) == str(self.elsewhere):  # as well
                found[ELSEWHERE] = identity[ELSEWHERE]
            found.pop(PLACE, None)
            if "method" not in identity:
                found.pop("method", None)  # earlier versions wrote it of a study's final training
            found, identity = ({**each, "settings": _counting(each["settings"])} for each in (found, identity))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: damaged ({error}); delete it, or name another output_dir") from None
        if changed := [name for name in sorted({*found, *identity}) if found.get(name) != identity.get(name)]:
            changes = ", ".join(_change(name, found.get(name), identity.get(name)) for name in changed)
            raise InputError(f"{path}: from another comparison: {changes}; {self.remedy}")

    def _keep_identity(self) -> None:
        """Claim the folder for this comparison, once its first result is there."""
        if not self._claim.is_file():
            place = {PLACE: os.path.relpath(self.datalist, self.output_dir)}
            write_atomically(self._claim, json.dumps({**self._plain_identity(), **place}, indent=1))

    def _plain_identity(self) -> dict[str, Any]:
        return json.loads(json.dumps(self._identity(), default=str))

    def _check_elsewhere(self, held_out: Collection[int] | None) -> None:
        """Check that pre-training sees no subject that is held out."""
        if self.elsewhere is None:
            return
        if self.transductive:
            raise InputError("transductive: found true beside pretraining_datalist, of other subjects; leave one out")
        found, tested = subjects_of(self.elsewhere), subjects_of(self.datalist, held_out)
        if both := sorted(found & tested):
            shown = ", ".join(both[:10]) + (" ..." if len(both) > 10 else "")
            raise InputError(
                f"{self.elsewhere}: found {counted(len(both), 'subject')} of {self.datalist}"
                f"{'' if held_out is None else ', in a fold that is held out'}: {shown}; take them out"
            )

    def _unknown_ids(self, stages: Iterable[str], of_stage_only: bool = False) -> Iterator[str]:
        """Settings that no config has and that would have no effect."""
        known = {stage: set(self.configs.ids(stage)) for stage in stages}
        for stage, ids in self.of_stage.items():
            for name in (name for name in ids if name.split("#")[0] not in known[stage]):
                hint = did_you_mean(name, known[stage], "correct it")
                yield f"{stage}: found {name}, which {stage}.yaml does not have; {hint}"
        if not of_stage_only:
            everywhere = set().union(*known.values(), {"quiet"})
            yield from unknown_options(self.settings, everywhere, f"one of {', '.join(known)}")


def _typed(stage: str | None, overlay: str) -> str:
    """An overlay as it is typed, for all stages or for one."""
    return f"{stage}:{overlay}" if stage else overlay


@cache
def _leave_out_of_collections() -> None:
    """Once in a process, after its first stage: what it has imported is no longer looked through for garbage."""
    gc.freeze()


def _counting(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without those that change no result."""
    return {name: value for name, value in settings.items() if name not in FREE}


def _change(name: str, before: Any, now: Any) -> str:
    if name in DATALISTS:  # by their content
        return f"{name} with another content" if before and now else f"{name} {'removed' if before else 'added'}"
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        keys = [key for key in dict.fromkeys([*before, *now]) if before.get(key) != now.get(key)]
        before, now = ({key: each[key] for key in keys if key in each} for each in (before, now))
    return f"{name} {before} (now {now})"
