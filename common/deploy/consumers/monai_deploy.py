"""Archives in MONAI Deploy: an application for DICOM studies, and the SDK's inference operator corrected for classes.

Importable where the MONAI Deploy App SDK is installed; docs/monai_deploy.md says how.

usage: python -m common.deploy.consumers.monai_deploy --input STUDIES --output RESULTS --model ARCHIVE
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from monai.data import MetaTensor
from monai.transforms import EnsureChannelFirst

from ...errors import InputError, brief_input_errors
from ...programs import command_of
from ..prediction.classifier import open_classifier
from ..prediction.predict import find_cases, predict_cases
from ..prediction.prediction import ModelIdentity, Prediction
from ..verification.manifest import MANIFEST

try:
    from monai.deploy.conditions import CountCondition
    from monai.deploy.core import AppContext, Application, ConditionType, Fragment, OperatorSpec
    from monai.deploy.core import Operator as DeployOperator
    from monai.deploy.operators.monai_bundle_inference_operator import MonaiBundleInferenceOperator
except ImportError as error:
    raise InputError(f"MONAI Deploy: {error}; expected its App SDK; run: pip install monai-deploy-app-sdk") from error

__all__ = ["ClassificationApp", "NamedProbabilitiesOperator", "StudyClassifierOperator", "find_archive"]

logger = logging.getLogger(__name__)


class StudyClassifierOperator(DeployOperator):
    """Classify all DICOM studies in the application's input folder with an archive, and write a report for each.

    The archive is the application's model. It is verified and scanned before anything of it is used. Unlike the SDK's
    operators, which pass one series on as the image, this one takes as many series as the archive has rules for, and a
    mask. An invalid study does not end the run.

    Named output:
        results: a list with an entry for each study: its Study Instance UID, the ``probabilities`` by class name, the
            ``call``, the model with its hash; the same as in ``results.json``.

    Args:
        fragment: the application.
        app_context: context with the paths of input, output and model.
        key: public key with which the archive's signature is verified.
        rules: file with rules for the series that replaces the archive's rules.
    """

    def __init__(
        self,
        fragment: Fragment,
        *args: Any,
        app_context: AppContext,
        key: str | Path | None = None,
        rules: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        self.app_context, self.key, self.rules = app_context, key, rules
        super().__init__(fragment, *args, **kwargs)

    def setup(self, spec: OperatorSpec) -> None:
        """One output, which need not be connected."""
        spec.output("results").condition(ConditionType.NONE)

    def compute(self, op_input: Any, op_output: Any, context: Any) -> None:
        """Classify all studies, once."""
        source, output = Path(self.app_context.input_path), Path(self.app_context.output_path)
        archive = find_archive(self.app_context.model_path)
        with open_classifier(archive, key=self.key, rules=self.rules) as classifier:
            cases, unreadable = find_cases(source, classifier, skip=output.resolve())
            batch = predict_cases(classifier, cases, output, failed=unreadable)
        for result in batch.results:
            named = ", ".join(f"{name} {value:.3f}" for name, value in result["probabilities"].items())
            logger.info(f"{result['study']}: {result['call']} ({named})")
        for name, reason in batch.failed.items():
            logger.error(f"{name}: {reason}")
        op_output.emit(batch.results, "results")


class ClassificationApp(Application):
    """Application from studies to reports, with the options ``--input``, ``--output`` and ``--model`` of the SDK.

    Args:
        key: public key with which the archive's signature is verified.
        rules: file with rules for the series that replaces the archive's rules.
    """

    def __init__(self, *args: Any, key: str | Path | None = None, rules: str | Path | None = None, **kwargs: Any):
        self.key, self.rules = key, rules
        super().__init__(*args, **kwargs)

    def compose(self) -> None:
        """One operator, which runs once."""
        options = {"app_context": Application.init_app_context(self.argv), "key": self.key, "rules": self.rules}
        self.add_operator(StudyClassifierOperator(self, CountCondition(self, 1), name="study_classifier", **options))


class NamedProbabilitiesOperator(MonaiBundleInferenceOperator):
    """The SDK's inference operator for archives whose image is one series, for pipelines of the SDK's own operators.

    The SDK (4.0.0) interprets each probability as the number of a class, and since it is below 1 returns "class 0" for
    each class. Here the output has the probabilities by class name, and the called class. The SDK also drops the
    transform that loads images, which puts the channel first in our configs, and expects metadata on the result of
    preprocessing, which ours lacks: this operator adds both.

    The output ``pred`` is a dictionary: ``result``, a list with the called class or "no call", and ``probabilities`` by
    name.
    """

    def pre_process(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        """Put the channel first, and name the case, as the archive's loader and datalist do."""
        for name in self._inputs:
            data[name] = EnsureChannelFirst(channel_dim="no_channel")(data[name])
        prepared = super().pre_process({"subject": "study", **data}, *args, **kwargs)
        return prepared | {name: MetaTensor(prepared[name]) for name in self._inputs}

    def _send_output(self, value: Any, name: str, metadata: Any, op_output: Any, context: Any) -> None:
        form = self._outputs[name]
        if form["type"] != "probabilities":
            super()._send_output(value, name, metadata, op_output, context)
            return
        channels = [form["channel_def"][key] for key in sorted(form["channel_def"], key=int)]
        row = torch.as_tensor(value).detach().float().cpu().reshape(-1)
        prediction = Prediction.of_output(row, channels, ModelIdentity(self.model_name, "", ""))
        op_output.emit({"result": [prediction.call], "probabilities": dict(prediction.probabilities)}, name)


def find_archive(path: str | Path) -> Path:
    """Find the archive at the SDK's model path: a zip, its folder, or, in a container, a folder that contains it.

    Args:
        path: path of the application's model.

    Raises:
        InputError: there is no archive, or more than one.
    """
    path = Path(path)
    if path.is_file() or (path / MANIFEST).is_file():
        return path
    found = sorted({*path.rglob("*.zip"), *(file.parent for file in path.rglob(MANIFEST))})
    if len(found) != 1:
        names = ", ".join(item.name for item in found) or "none"
        raise InputError(f"{path}: found {names}; expected one archive of {command_of('package')}; set --model to it")
    return found[0]


if __name__ == "__main__":
    brief_input_errors()
    ClassificationApp().run()
