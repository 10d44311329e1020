"""Mean and standard deviation of each modality of a cohort, for a bundle's options --mean and --std."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from common import InputError
from common.command_line import run_commands
from common.errors import OptionError
from common.hints import unknown_options


def modality_statistics(
    bundle: str, overlays: Sequence[str] = (), foreground: bool = False, output: str | None = None, **overrides: Any
) -> None:
    """Measure images after the preprocessing of pretrain.yaml, before augmentation and normalisation.

    Only training subjects are measured: those not in --fold (0 by default), or all with --transductive True.

    Args:
        bundle: name of a bundle with mean and std in its pretrain.yaml, e.g. liver_cgc.
        overlays: configs of the bundle to merge over it.
        foreground: whether to measure only non-zero pixels; by default all, since all are normalised.
        output: JSON to write, with mean, standard deviation and number of images of each modality.
        **overrides: ids of the config and their values, such as --dataset_dir data --modalities "[T1,T2]" --fold 1.
    """
    from monai.bundle import ConfigParser
    from tqdm import tqdm

    from common.bundle_configs import PRETRAIN, BundleConfigs
    from common.data import measure_modalities
    from common.files import write_atomically
    from common.options import converted_options

    configs = BundleConfigs(bundle)
    parser = ConfigParser()
    parser.read_config([configs.path(name) for name in (PRETRAIN, *overlays)])
    if not {"mean", "std", "modalities"} <= parser.get().keys():
        raise InputError(f"bundle: {bundle} has no modalities with mean and std; choose one whose pretrain.yaml has")
    if unknown := unknown_options(overrides, parser.get(), f"pretrain.yaml of {bundle}"):
        raise OptionError.of_rows("options", unknown)
    parser.update({**overrides, "cache_rate": 0.0})  # each image is needed once
    parser.update(converted_options(parser.get(), configs.folder))
    dataset = parser.get_parsed_content("train#dataset")
    bar = tqdm(dataset, desc="measuring", unit="subject")
    found = measure_modalities(bar, parser.get_parsed_content("modalities"), foreground)
    for name, (mean, std, num_images) in found.items():
        print(f"{name}: {mean:.4f} ± {std:.4f} ({num_images} images)")
    columns = {
        option: ", ".join(f"{getattr(value, option):.4f}" for value in found.values()) for option in ("mean", "std")
    }
    print(" ".join(f'--{option} "[{values}]"' for option, values in columns.items()))
    if output is not None:
        content = {name: value._asdict() for name, value in found.items()}
        print(f"written: {write_atomically(output, json.dumps(content, indent=1) + chr(10))}")


if __name__ == "__main__":
    run_commands(modality_statistics)
