"""Run a stage of a bundle as python -m monai.bundle run does, after a check of its files and options."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.command_line import run_commands


def run(
    run_id: str,
    config_file: Sequence[str],
    meta_file: str | None = None,
    logging_file: str | None = None,
    tracking: str | None = None,
    init_id: str | None = None,
    final_id: str | None = None,
    **options: Any,
) -> None:
    """Check the configs and options of a run, then let MONAI run it.

    MONAI's own command runs the same, but ends in a traceback where an overlay lacks the config over which it lies, or
    an option sets a part of what is not there; and it predicts images of other modalities than the network's.

    Args:
        run_id: what is run, such as training or evaluating.
        config_file: configs in their order, such as "['train.yaml','evaluate.yaml']".
        meta_file: metadata of the bundle; default: metadata.json beside the first config.
        logging_file: settings of the logs; default: logging.conf beside the first config.
        tracking: mlflow, or the file of other settings of MONAI's experiment tracking.
        init_id: what is run before it; default: initialize.
        final_id: what is run after it; default: finalize.
        **options: values of the configs' ids, such as --max_epochs 3 or --optimizer#lr 0.01.
    """
    import monai.bundle

    from common import InputError
    from common.deploy.prediction.exported_channels import check_exported
    from common.merging import check_files, check_merging
    from common.option_limits import device_problem
    from common.run_weights import check_checkpoint

    if expected := device_problem(options.get("device")):
        raise InputError(f"device: found {options['device']!r}; expected {expected}; correct it")
    files = list(config_file)
    check_files(meta_file=meta_file, logging_file=logging_file, tracking=None if tracking == "mlflow" else tracking)
    config = check_merging(files, [run_id, *filter(None, (init_id, final_id))], options)
    check_checkpoint(config, run_id, Path(files[0]).resolve().parent.parent)
    check_exported(config)
    monai.bundle.run(
        run_id=run_id,
        config_file=files,
        meta_file=meta_file,
        logging_file=logging_file,
        tracking=tracking,
        init_id=init_id,
        final_id=final_id,
        **options,
    )


if __name__ == "__main__":
    run_commands(run)
