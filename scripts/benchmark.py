"""Measure a bundle's training: pipeline beside network, RE and SE, peak memory; losses; radiomics."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fire

from common import benchmark
from common.data import load_datalist
from common.errors import brief_input_errors, flag
from common.files import write_atomically
from common.radiomics import read_pairs


def pipeline(
    bundle: str = "siam3d_imbalance",
    config_file: str = "pretrain",
    overlay: str | tuple[str, ...] = (),
    rounds: int = 5,
    steps: int | None = None,
    turn: int | None = None,
    cpu_time: bool = False,
    num_subjects: int = 60,
    output: str | None = None,
    **overrides: Any,
) -> None:
    """Pipeline efficiency: samples per second of the real training run over those of the bare network.

    The run is the config's own trainer with all its handlers, on cached data. Its time holds loading, collating, RE/SE,
    augmentation, the step, the handlers, and the epochs' ends with metrics and checkpoints; not in it are start-up,
    warm-up epochs and the final model.pt. The bare network does forward, backward and optimizer step on one batch of
    the run, under the same autocast. Both take turns in one process. With RE/SE on, the run without them takes its
    turns too, and what they cost is told.

    Args:
        bundle: folder below bundles/
        config_file: a config of the bundle, or a path
        overlay: one or more (a,b) configs of the bundle, or paths, merged over it
        rounds: how often to measure
        steps: training steps in a round; default is an epoch's, so that a round has one epoch's end
        turn: steps before it is the next one's turn; default is 1 on a CPU and the whole round on a GPU
        cpu_time: count this process's seconds on the CPU, not those on the wall: where others use the machine too
        num_subjects: size of the cohort of phantoms, made when no dataset_dir is given
        output: JSON to write, with hardware, versions, config and the numbers of all rounds
        overrides: config ids and values, such as --batch_size 6 --box_size "[48,48,48]" --amp true --dataset_dir ...
    """
    with benchmark.open_session(_configs(bundle, config_file, overlay), overrides, num_subjects) as session:
        run, plain = session.build("run"), None
        if run.setting("strategy", "plain") != "plain":
            plain = session.build("plain", {"strategy": "plain", "features": "fresh"}, run.dataset)
        result = benchmark.measure_efficiency(run, plain, rounds, steps, turn, cpu_time)
    _tell("pipeline", benchmark.efficiency_table(result), result, session, output)


def rebalance(
    bundle: str = "siam3d_imbalance",
    config_file: str = "pretrain",
    overlay: str | tuple[str, ...] = (),
    rounds: int = 5,
    steps: int | None = None,
    turn: int | None = None,
    cpu_time: bool = False,
    num_subjects: int = 60,
    output: str | None = None,
    **overrides: Any,
) -> None:
    """Cost of RE and SE with fresh and remembered features, over plain training.

    Real runs of all five take turns in one process, and with them the forward passes alone that fresh features need:
    fresh may add at most these, the bank at most 5 % of a plain step.

    Args:
        bundle: folder below bundles/
        config_file: a config of the bundle, or a path
        overlay: one or more (a,b) configs of the bundle, or paths, merged over it
        rounds: how often to measure
        steps: training steps of each in a round; default is an epoch's
        turn: steps before it is the next one's turn; default is 1 on a CPU and the whole round on a GPU
        cpu_time: count this process's seconds on the CPU, not those on the wall: where others use the machine too
        num_subjects: size of the cohort of phantoms, made when no dataset_dir is given
        output: JSON to write, with hardware, versions, config and the numbers of all rounds
        overrides: config ids and values, such as --batch_size 6 --box_size "[48,48,48]" --amp true --dataset_dir ...
    """
    with benchmark.open_session(_configs(bundle, config_file, overlay), overrides, num_subjects) as session:
        result = benchmark.measure_rebalance_cost(session.build, rounds, steps, turn, cpu_time)
    _tell("rebalance", benchmark.rebalance_table(result), result, session, output)


def memory(
    bundle: str = "siam3d_imbalance",
    config_file: str = "pretrain",
    overlay: str | tuple[str, ...] = (),
    steps: int = 2,
    limit_gb: float = 8.0,
    num_subjects: int | None = None,
    output: str | None = None,
    **overrides: Any,
) -> None:
    """Peak memory of the training run in fp32 and bf16, with and without activation checkpointing.

    Each combination is a process of its own; on a CPU the peak is all its resident memory, on a GPU what torch gave
    out. Each is tried at a quarter and half of the box first, and what would not fit is skipped. At the paper's
    6 x 4 x 96^3 a combination takes several minutes on two cores; --amp false --activation_checkpointing true measures
    that one alone.

    Args:
        bundle: folder below bundles/
        config_file: a config of the bundle, or a path
        overlay: one or more (a,b) configs of the bundle, or paths, merged over it
        steps: training steps after the warm-up epochs
        limit_gb: what the peak is compared with, in 1e9 bytes
        num_subjects: size of the cohort of phantoms, made when no dataset_dir is given; default is what a step needs
        output: JSON to write, with hardware, versions, config and all numbers
        overrides: config ids and values, such as --strategy plain --batch_size 6 --box_size "[96,96,96]"
    """
    files = _configs(bundle, config_file, overlay)
    num_subjects = num_subjects or benchmark.smallest_cohort(files, overrides)
    with benchmark.open_session(files, overrides, num_subjects) as session:
        result = benchmark.measure_memory(files, session.overrides, steps, limit_gb)
    _tell("memory", benchmark.memory_table(result), result, session, output)


def cohort(
    bundle: str = "mlsscl_3d",
    config_file: str = "pretrain",
    overlay: str | tuple[str, ...] = (),
    sizes: tuple[int, ...] = (100, 1000),
    caches: tuple[str, ...] = ("memory", "disk"),
    output: str | None = None,
    **overrides: Any,
) -> None:
    """Peak memory of a training epoch as the cohort grows: kept in memory, and on disk.

    Each run is a process of its own, with small volumes and a small network, and its peak is all its resident memory.

    Args:
        bundle: folder below bundles/
        config_file: a config of the bundle, or a path
        overlay: one or more (a,b) configs of the bundle, or paths, merged over it
        sizes: volumes of the cohorts, such as 100,1000
        caches: values of the config's id cache
        output: JSON to write, with hardware, versions, settings and all numbers
        overrides: config ids and values, such as --batch_size 4 --image_size "[96,96,96]"
    """
    files, environment = _configs(bundle, config_file, overlay), benchmark.describe_environment()
    with TemporaryDirectory() as folder:
        kinds = (caches,) if isinstance(caches, str) else caches
        result = benchmark.measure_cohort_memory(files, overrides, Path(folder), sizes, kinds)
    content = {"environment": environment, "config_files": files, **result}
    _print("cohort", benchmark.cohort_table(result), content, output)


def ntxent(
    batch_size: int = 256,
    num_features: int = 256,
    temperature: float = 0.5,
    device: str = "cpu",
    rounds: int = 5,
    steps: int = 3,
    output: str | None = None,
) -> None:
    """NT-Xent as one matrix product and cross-entropy, over MONAI's ContrastiveLoss: forward and backward.

    Both take turns in one process. Told are times, the peak that torch's allocator gave out, the difference of the
    values, and the temperature below which MONAI's is NaN.

    Args:
        batch_size: pairs of vectors
        num_features: length of a vector
        temperature: by which the similarities are divided
        device: where to measure, such as cpu or cuda
        rounds: how often to measure
        steps: steps of each in a round
        output: JSON to write, with hardware, versions and the numbers of all rounds
    """
    environment = benchmark.describe_environment()
    result = benchmark.measure_nt_xent(batch_size, num_features, temperature, device, rounds, steps)
    _print("ntxent", benchmark.nt_xent_table(result), {"environment": environment, **result}, output)


def bank(
    batch_size: int = 64,
    num_samples: int = 2916,
    num_features: int = 128,
    negatives: int = 2048,
    temperature: float = 0.07,
    device: str = "cpu",
    rounds: int = 5,
    steps: int = 3,
    cpu_time: bool = False,
    output: str | None = None,
) -> None:
    """Full softmax over both memory banks, over CMC's sampled NCE: forward and backward.

    NCE is measured twice: as CMC computes it, with each anchor's rows copied out of the bank for a batched product, and
    as the option ``negatives`` does, with one product whose scores are picked. All take turns in one process. Told are
    times, the peak that torch's allocator gave out, and the difference of the values of both NCE.

    Args:
        batch_size: anchors of each direction
        num_samples: rows of the bank; 2916 is the paper's thyroid training set
        num_features: length of a vector
        negatives: K of NCE
        temperature: by which the similarities are divided
        device: where to measure, such as cpu or cuda
        rounds: how often to measure
        steps: steps of each in a round
        cpu_time: count this process's seconds on the CPU, not those on the wall: where others use the machine too
        output: JSON to write, with hardware, versions and the numbers of all rounds
    """
    environment = benchmark.describe_environment()
    sizes = (batch_size, num_samples, num_features, negatives)
    result = benchmark.measure_memory_bank(*sizes, temperature, device, rounds, steps, cpu_time)
    _print("bank", benchmark.memory_bank_table(result), {"environment": environment, **result}, output)


def radiomics(
    datalist: str | None = None,
    num_volumes: int = 3,
    num_planes: int = 20,
    rounds: int = 2,
    seed: int = 0,
    output: str | None = None,
) -> None:
    """PyRadiomics features by PyRadiomics itself and by common.radiomics, in one process and in two.

    About 1,000 and 1,600 features of volumes and of planes, from the files to the values. The engines take turns, each
    in new processes. Told are seconds, the peak of all processes together, and the largest difference of any feature.

    Args:
        datalist: CSV with the columns image and mask, or JSON; default is phantoms
        num_volumes: phantoms of 512 x 512 x 64 voxels
        num_planes: phantoms of 256 x 256 pixels
        rounds: turns of each
        seed: of the phantoms
        output: JSON to write, with hardware, versions and all numbers
    """
    environment = benchmark.describe_environment()
    with TemporaryDirectory() as folder:
        if datalist is None:
            rows = benchmark.make_radiomics_phantoms(folder, num_volumes, num_planes, seed)
        elif datalist.lower().endswith(".csv"):
            rows = read_pairs(datalist)
        else:
            rows = load_datalist(datalist, spatial_dims=[2, 3], mask="required", check="header")
        result = benchmark.measure_radiomics(benchmark.prepare_cases(rows, folder), rounds)
    _print("radiomics", benchmark.radiomics_table(result), {"environment": environment, **result}, output)


def clips(
    backbone: str = "resnet18",
    batch_size: int = 4,
    num_slices: int = 16,
    clip_size: tuple[int, int] = (128, 128),
    num_keys: int = 2048,
    amp: bool = False,
    device: str = "cpu",
    rounds: int = 5,
    steps: int = 3,
    turn: int = 1,
    cpu_time: bool = False,
    output: str | None = None,
) -> None:
    """A step of mlsscl_3d's pre-training: the target's clips in one pass and moved at once, over a naive step.

    The naive step has six passes, one for each clip of each network, and moves the target parameter by parameter. All
    take turns in one process. Told are seconds and the peak of the memory that torch's allocator gave out.

    Args:
        backbone: resnet18 or unet
        batch_size: of clips of each view
        num_slices: of a clip
        clip_size: in plane, in voxels
        num_keys: length of the queues
        amp: bfloat16
        device: where to measure, such as cpu or cuda
        rounds: how often to measure
        steps: steps of each in a round
        turn: steps before it is the next one's turn; on a GPU better the whole round
        cpu_time: count this process's seconds on the CPU, not those on the wall: where others use the machine too
        output: JSON to write, with hardware, versions and the numbers of all rounds
    """
    environment = benchmark.describe_environment()
    sizes = (backbone, batch_size, num_slices, tuple(clip_size), num_keys, flag("amp", amp), device)
    result = benchmark.measure_clips(*sizes, rounds, steps, turn, flag("cpu_time", cpu_time))
    _print("clips", benchmark.clips_table(result), {"environment": environment, **result}, output)


def _configs(bundle: str, config_file: str, overlay: str | tuple[str, ...]) -> list[str]:
    overlays = (overlay,) if isinstance(overlay, str) else overlay
    return benchmark.find_configs(bundle, [config_file, *overlays])


def _tell(name: str, table: str, result: dict[str, Any], session: benchmark.Session, output: str | None) -> None:
    _print(name, table, {**session.describe(), **result}, output)


def _print(name: str, table: str, content: dict[str, Any], output: str | None) -> None:
    print(f"{name}: {benchmark.hardware_line(content['environment'])}")
    print(table)
    if output is not None:
        content = {"benchmark": name, **content}
        print(f"written: {write_atomically(output, json.dumps(content, indent=1) + chr(10))}")


def main(words: list[str]) -> None:
    """Run the command line ``words``."""
    if {"-h", "--help"} & set(words):  # Fire would take it for an override
        words = [word for word in words if word not in ("-h", "--help")] + ["--", "--help"]
    commands = (pipeline, rebalance, memory, ntxent, bank, radiomics, cohort, clips)
    fire.Fire({command.__name__: command for command in commands}, words)


if __name__ == "__main__":
    brief_input_errors()
    main(sys.argv[1:])
