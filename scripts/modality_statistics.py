"""Mean and standard deviation of each modality of a cohort, for a bundle's options --mean and --std."""

from __future__ import annotations

import json
from typing import Any

import fire
from monai.bundle import ConfigParser
from tqdm import tqdm

from common import brief_input_errors, bundle_root, flag
from common.bundle_configs import PRETRAIN, BundleConfigs
from common.data import measure_modalities
from common.errors import InputError
from common.files import write_atomically
from common.options import converted_options


def modality_statistics(
    bundle: str,
    overlays: str | tuple[str, ...] = (),
    foreground: bool = False,
    output: str | None = None,
    **overrides: Any,
) -> None:
    """Measure what pretrain.yaml's preprocessing gives, before augmentation and normalisation.

    Only subjects who train are measured: those not in --fold (0 by default), or all with --transductive True.

    Args:
        bundle: name of the bundle, whose pretrain.yaml has mean and std, e.g. liver_cgc
        overlays: one or more (a,b) configs of the bundle, merged over it
        foreground: measure only pixels that are not 0; by default all, since all are normalised
        output: JSON to write, with mean, std and the number of images of each modality
        overrides: config ids and values, such as --dataset_dir data --modalities "[T1,T2]" --fold 1
    """
    configs = BundleConfigs(bundle_root(bundle))
    overlays = (overlays,) if isinstance(overlays, str) else overlays
    parser = ConfigParser()
    parser.read_config([configs.path(name) for name in (PRETRAIN, *overlays)])
    if not {"mean", "std", "modalities"} <= parser.get().keys():
        raise InputError(f"bundle: {bundle} has no modalities with mean and std; choose one whose pretrain.yaml has")
    parser.update({**overrides, "cache_rate": 0.0})  # each image is needed once
    parser.update(converted_options(parser.get(), configs.folder))
    dataset = parser.get_parsed_content("train#dataset")
    bar = tqdm(dataset, desc="measuring", unit="subject")
    found = measure_modalities(bar, parser.get_parsed_content("modalities"), flag("foreground", foreground))
    for name, (mean, std, num_images) in found.items():
        print(f"{name}: {mean:.4f} ± {std:.4f} ({num_images} images)")
    columns = {
        option: ", ".join(f"{getattr(value, option):.4f}" for value in found.values()) for option in ("mean", "std")
    }
    print(" ".join(f'--{option} "[{values}]"' for option, values in columns.items()))
    if output is not None:
        content = {name: value._asdict() for name, value in found.items()}
        print(f"written: {write_atomically(output, json.dumps(content, indent=1) + chr(10))}")


def main() -> None:
    """Run the command line."""
    brief_input_errors()
    fire.Fire(modality_statistics, name="modality_statistics.py")


if __name__ == "__main__":
    main()
