"""Measure training (pipeline, RE and SE, peak memory), radiomics, fusion, the reading of images, and inference."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from common import InputError
from common.command_line import run_commands
from common.errors import OptionError
from common.files import write_atomically

if TYPE_CHECKING:
    from common.benchmark import Session


def pipeline(
    bundle: str = "siam3d_imbalance",
    config_file: str = "pretrain",
    overlay: Sequence[str] = (),
    rounds: int = 5,
    steps: int | None = None,
    turn: int | None = None,
    cpu_time: bool = False,
    num_subjects: int = 60,
    output: str | None = None,
    **overrides: Any,
) -> None:
    """Pipeline efficiency: samples per second of the real training run relative to the bare network.

    The run is the trainer of the config with all its handlers, on cached data. Its time includes loading, collating,
    RE/SE, augmentation, the step, the handlers, and metrics and checkpoints at the ends of epochs, but not start-up,
    warm-up epochs and the final model.pt. The bare network does forward, backward and optimizer step on one batch of
    the run, under the same autocast. Both take turns in one process. With RE/SE, the run without them takes turns too,
    and their cost is reported.

    Args:
        bundle: name of the bundle.
        config_file: config of the bundle, or a path.
        overlay: configs of the bundle, or paths, to merge over it.
        rounds: number of measurements.
        steps: number of training steps in a round; default: those of an epoch, so that a round has one end of an epoch.
        turn: number of consecutive steps of each contestant; default: 1 on a CPU and the whole round on a GPU.
        cpu_time: whether to measure CPU time instead of wall time, which is disturbed less on a shared machine.
        num_subjects: size of the phantom cohort, made if no dataset_dir is given.
        output: JSON to write, with hardware, versions, config and the numbers of all rounds.
        **overrides: config ids and values, such as --batch_size 6 --box_size "[48,48,48]" --amp true --dataset_dir ...
    """
    from common import benchmark

    with benchmark.open_session(_configs(bundle, config_file, overlay), overrides, num_subjects) as session:
        run, plain = session.build("run"), None
        if run.setting("strategy", "plain") != "plain":
            plain = session.build("plain", {"strategy": "plain", "features": "fresh"}, run.dataset)
        result = benchmark.measure_efficiency(run, plain, rounds, steps, turn, cpu_time)
    _report("pipeline", benchmark.efficiency_table(result), result, session, output)


def rebalance(
    bundle: str = "siam3d_imbalance",
    config_file: str = "pretrain",
    overlay: Sequence[str] = (),
    rounds: int = 5,
    steps: int | None = None,
    turn: int | None = None,
    cpu_time: bool = False,
    num_subjects: int = 60,
    output: str | None = None,
    **overrides: Any,
) -> None:
    """Cost of RE and SE with fresh and stored features, relative to plain training.

    Real runs of all five variants take turns in one process, and so do the forward passes alone that fresh features
    need: fresh may add at most these, the bank at most 5 % of a plain step.

    Args:
        bundle: name of the bundle.
        config_file: config of the bundle, or a path.
        overlay: configs of the bundle, or paths, to merge over it.
        rounds: number of measurements.
        steps: number of training steps of each variant in a round; default: those of an epoch.
        turn: number of consecutive steps of each contestant; default: 1 on a CPU and the whole round on a GPU.
        cpu_time: whether to measure CPU time instead of wall time, which is disturbed less on a shared machine.
        num_subjects: size of the phantom cohort, made if no dataset_dir is given.
        output: JSON to write, with hardware, versions, config and the numbers of all rounds.
        **overrides: config ids and values, such as --batch_size 6 --box_size "[48,48,48]" --amp true --dataset_dir ...
    """
    from common import benchmark

    with benchmark.open_session(_configs(bundle, config_file, overlay), overrides, num_subjects) as session:
        result = benchmark.measure_rebalance_cost(session.build, rounds, steps, turn, cpu_time)
    _report("rebalance", benchmark.rebalance_table(result), result, session, output)


def memory(
    bundle: str = "siam3d_imbalance",
    config_file: str = "pretrain",
    overlay: Sequence[str] = (),
    steps: int = 2,
    limit_gb: float = 8.0,
    num_subjects: int | None = None,
    output: str | None = None,
    **overrides: Any,
) -> None:
    """Peak memory of the training run in fp32 and bf16, with and without activation checkpointing.

    Each combination is a separate process; on a CPU the peak is its total resident memory, on a GPU the allocation by
    torch. Each combination first runs with a quarter and half of the box, and is skipped if it would not fit. With the
    paper's 6 x 4 x 96^3 a combination takes several minutes on two cores; --amp false --activation_checkpointing true
    measures that one alone.

    Args:
        bundle: name of the bundle.
        config_file: config of the bundle, or a path.
        overlay: configs of the bundle, or paths, to merge over it.
        steps: number of training steps after the warm-up epochs.
        limit_gb: limit of the peak, in 1e9 bytes.
        num_subjects: size of the phantom cohort, made if no dataset_dir is given; default: the subjects of a step.
        output: JSON to write, with hardware, versions, config and all numbers.
        **overrides: config ids and values, such as --strategy plain --batch_size 6 --box_size "[96,96,96]"
    """
    from common import benchmark

    files = _configs(bundle, config_file, overlay)
    num_subjects = num_subjects or benchmark.smallest_cohort(files, overrides)
    with benchmark.open_session(files, overrides, num_subjects) as session:
        result = benchmark.measure_memory(files, session.overrides, steps, limit_gb)
    _report("memory", benchmark.memory_table(result), result, session, output)


def cohort(
    bundle: str = "mlsscl_3d",
    config_file: str = "pretrain",
    overlay: Sequence[str] = (),
    sizes: Sequence[int] = (100, 1000),
    caches: Sequence[str] = ("memory", "disk"),
    output: str | None = None,
    **overrides: Any,
) -> None:
    """Peak memory of a training epoch as the cohort grows, cached in memory and on disk.

    Each run is a separate process with small volumes and a small network; its peak is its total resident memory.

    Args:
        bundle: name of the bundle.
        config_file: config of the bundle, or a path.
        overlay: configs of the bundle, or paths, to merge over it.
        sizes: numbers of volumes of the cohorts.
        caches: values of the config id cache.
        output: JSON to write, with hardware, versions, settings and all numbers.
        **overrides: config ids and values, such as --batch_size 4 --image_size "[96,96,96]"
    """
    from common import benchmark

    files, environment = _configs(bundle, config_file, overlay), benchmark.describe_environment()
    with TemporaryDirectory() as folder:
        result = benchmark.measure_cohort_memory(files, overrides, Path(folder), sizes, caches)
    content = {"environment": environment, "config_files": files, **result}
    _print("cohort", benchmark.cohort_table(result), content, output)


def radiomics(
    datalist: str | None = None,
    num_volumes: int = 3,
    num_planes: int = 20,
    rounds: int = 2,
    seed: int = 0,
    output: str | None = None,
) -> None:
    """PyRadiomics features by PyRadiomics itself and by common.radiomics, in one process and in two.

    It extracts about 1,000 and 1,600 features of volumes and of planes, from the files to the values. The engines take
    turns, each in new processes. It reports seconds, the peak memory of all processes, and the largest difference
    between values.

    Args:
        datalist: CSV with the columns image and mask, or JSON; default: phantoms.
        num_volumes: number of phantoms of 512 x 512 x 64 voxels.
        num_planes: number of phantoms of 256 x 256 pixels.
        rounds: number of turns of each engine.
        seed: random seed for the phantoms.
        output: JSON to write, with hardware, versions and all numbers.
    """
    from common import benchmark
    from common.data import load_datalist
    from common.radiomics import read_pairs

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


def loading(
    datalist: str | None = None,
    num_images: int = 8,
    size: int = 96,
    rounds: int = 5,
    against: str | None = None,
    bundle: str = "siam3d_imbalance",
    output: str | None = None,
    **overrides: Any,
) -> None:
    """Loading for training by MONAI's own readers and by the project's reader, which checks what it reads.

    The readers take turns in one process, image by image. All of the reading counts, but no other transform.

    With --against, the cohort of a pre-training is loaded by this checkout and by another version of it, in processes
    that alternate: rows, checks of all files, reading and preprocessing, each with its own config. The CPU time is
    compared, for a first run and for a later one, which finds what it checked in the cache.

    Args:
        datalist: JSON of a cohort; default: phantoms as compressed NIfTI and as DICOM series.
        num_images: number of phantoms; with --against of subjects.
        size: number of voxels of a phantom along each axis; not with --against.
        rounds: number of measurements of all images.
        against: folder of the other version: git worktree add ../before <commit>.
        bundle: name of the bundle, for --against.
        output: JSON to write, with hardware, load, versions and all numbers.
        **overrides: with --against, config ids that both versions have, and values, such as --dataset_dir data.
    """
    from common import benchmark
    from common.data import load_datalist

    if against is not None:
        if datalist is not None:
            overrides["datalist"] = str(Path(datalist).absolute())
        if "dataset_dir" in overrides:
            overrides["dataset_dir"] = str(Path(overrides["dataset_dir"]).absolute())
        with benchmark.open_session(_configs(bundle, "pretrain", ()), overrides, num_images) as session:
            result = benchmark.measure_against(against, bundle, session.overrides, rounds)
            environment = session.environment
        _print("loading", benchmark.against_table(result), {"environment": environment, **result}, output)
        return
    if overrides:
        raise OptionError(f"{', '.join(overrides)}: only with --against; leave it out, or see --help")
    environment = benchmark.describe_environment()
    with TemporaryDirectory() as folder:
        if datalist is None:
            images = benchmark.make_images(folder, num_images, size)
        else:
            rows = load_datalist(datalist, spatial_dims=[2, 3], check="header")
            files = [row["image"] if isinstance(row["image"], list) else [row["image"]] for row in rows]
            images = {"files": [file for row in files for file in row]}
        result = benchmark.measure_loading(images, rounds)
    _print("loading", benchmark.reading_table(result), {"environment": environment, **result}, output)


def scan(num_files: int = 10_000, size: int = 64, output: str | None = None) -> None:
    """Search for studies among DICOM files, as scripts/predict.py does; the files are made first and not timed.

    Args:
        num_files: number of slices, in series of 100.
        size: number of rows and columns of a slice.
        output: JSON to write, with hardware, load, versions and all numbers.
    """
    from common import benchmark

    environment = benchmark.describe_environment()
    with TemporaryDirectory() as folder:
        result = benchmark.measure_scan(folder, num_files, size)
    table = "{files} files of {studies} studies in {seconds:.1f} s, {unreadable} unreadable".format(**result)
    _print("scan", f"load {environment['load']}\n{table}", {"environment": environment, **result}, output)


def growth(sizes: Sequence[int] = (100, 1000, 10_000), output: str | None = None) -> None:
    """Time and memory of datalist checks, with and without their cache, folds, plans and reports, as the cohort grows.

    The images are links to one small volume, of which the checks read the header alone. The plans are those of a study
    of siam3d_imbalance, without its timed steps, and of Table 2 of its paper, with the checks of all its trainings.

    Args:
        sizes: numbers of subjects of the cohorts.
        output: JSON to write, with hardware, load, versions and all numbers.
    """
    from common import benchmark
    from common.study.plan_growth import planning_steps

    environment = benchmark.describe_environment()
    with TemporaryDirectory() as folder:
        result = benchmark.measure_growth(Path(folder), sizes, planning_steps)
    _print("growth", benchmark.growth_table(result), {"environment": environment, **result}, output)


def sweep(
    bundle: str = "siam3d_imbalance",
    dataset_dir: str | None = None,
    methods: Sequence[str] = (
        "plain",
        "re",
        "se",
        "rubik",
        "scratch",
        "radiomics",
        "se+linear_probe",
        "re+linear_probe",
    ),
    fractions: Sequence[float] = (0.5, 1.0),
    seeds: Sequence[int] = (0,),
    num_subjects: int = 40,
    output: str | None = None,
    **options: Any,
) -> None:
    """Share of the CPU time of a label-fraction comparison in networks' passes and steps and classifiers' fits.

    The comparison of scripts/label_fractions.py runs in this process from the start to its report, in a temporary
    folder, and all CPU time is entered by what it is spent on; imports before it are not.

    Args:
        bundle: name of the bundle.
        dataset_dir: folder of the cohort's datalist.json; default: phantoms.
        methods: rows of the comparison.
        fractions: parts of the labels.
        seeds: random seeds of the trainings.
        num_subjects: size of the phantom cohort.
        output: JSON to write, with hardware, load, versions and all numbers.
        **options: other options of scripts/label_fractions.py, such as --device cpu --pretrain "{max_epochs: 10}".
    """
    from common import benchmark
    from common.evaluation import LabelFractions

    options |= {"methods": methods, "fractions": fractions, "seeds": seeds}
    with benchmark.open_comparison(bundle, dataset_dir, num_subjects, options) as (given, folder, environment):
        result = benchmark.measure_sweep(LabelFractions(output_dir=folder / "output", **given))
    content = {"environment": environment, "options": given, **result}
    _print("sweep", benchmark.sweep_table(result), content, output)


def processes(
    bundle: str = "siam3d_imbalance",
    dataset_dir: str | None = None,
    methods: Sequence[str] = ("plain", "se", "re", "scratch"),
    workers: int = 2,
    rounds: int = 1,
    fractions: Sequence[float] = (0.5, 1.0),
    seeds: Sequence[int] = (0,),
    num_subjects: int = 40,
    output: str | None = None,
    **options: Any,
) -> None:
    """Wall time of a label-fraction comparison by several processes over that by one, with tasks of one thread.

    Needs as many idle cores as processes.

    Args:
        bundle: name of the bundle.
        dataset_dir: folder of the cohort's datalist.json; default: phantoms.
        methods: rows of the comparison.
        workers: number of processes.
        rounds: number of measurements.
        fractions: parts of the labels.
        seeds: random seeds of the trainings.
        num_subjects: size of the phantom cohort.
        output: JSON to write, with hardware, load, versions and all numbers.
        **options: other options of scripts/label_fractions.py, such as --device cpu --pretrain "{max_epochs: 10}".
    """
    from common import benchmark

    if dataset_dir is None:  # half of the labels of phantoms are too few to choose an epoch by
        options["train"] = {"validation_fraction": 0.0, **options.get("train", {})}
    options |= {"methods": methods, "fractions": fractions, "seeds": seeds}
    with benchmark.open_comparison(bundle, dataset_dir, num_subjects, options) as (given, folder, environment):
        result = benchmark.measure_processes(given, folder, workers, rounds)
    content = {"environment": environment, "options": given, **result}
    _print("processes", benchmark.processes_table(result), content, output)


def inference(
    source: str = "siam3d_imbalance",
    datalist: str | None = None,
    rounds: int = 20,
    device: str = "cpu",
    cpu_time: bool = False,
    cold_starts: int = 3,
    output: str | None = None,
) -> None:
    """Time per study of a classifier over that of its bare network, and from a cold start to the results.

    Measured from volumes in memory, so without the disk, and from the prepared tensor; all take turns in one process.
    The cold start is scripts/predict.py as a new process, with all studies of the datalist.

    Args:
        source: archive of scripts/package.py --target inference, or a bundle of this checkout.
        datalist: JSON with the studies; default: the samples of the bundle.
        rounds: number of measurements of each study.
        device: device of the network.
        cpu_time: whether to measure CPU time instead of wall time, which is disturbed less on a shared machine.
        cold_starts: number of new processes.
        output: JSON to write, with hardware, load, versions and all numbers.
    """
    from common import benchmark, bundle_root
    from common.deploy.prediction.speed import inference_table, measure_cold_start, measure_inference

    environment = benchmark.describe_environment()
    place = Path(source) if Path(source).exists() else Path(bundle_root(source))
    rows = Path(datalist) if datalist is not None else place / "samples/datalist.json"
    if not rows.is_file():
        raise InputError(f"{rows}: no such file; expected studies to measure; name a datalist with --datalist")
    result = measure_inference(place, rows, rounds, device, cpu_time)
    result["cold_start"] = measure_cold_start(place, rows, cold_starts)
    _print("inference", inference_table(result), {"environment": environment, **result}, output)


def _configs(bundle: str, config_file: str, overlay: Sequence[str]) -> list[str]:
    from common import benchmark

    return benchmark.find_configs(bundle, [config_file, *overlay])


def _report(name: str, table: str, result: dict[str, Any], session: Session, output: str | None) -> None:
    _print(name, table, {**session.describe(), **result}, output)


def _print(name: str, table: str, content: dict[str, Any], output: str | None) -> None:
    from common import benchmark

    print(f"{name}: {benchmark.hardware_line(content['environment'])}")
    print(table)
    if output is not None:
        content = {"benchmark": name, **content}
        print(f"written: {write_atomically(output, json.dumps(content, indent=1) + chr(10))}")


def complexity(
    channels: int = 1408,
    size: int = 7,
    modalities: int = 3,
    groups: int = 8,
    batch_size: int = 16,
    device: str = "cpu",
    rounds: int = 5,
    steps: int = 5,
    output: str | None = None,
) -> None:
    """Parameters, multiplications and time of CGC, CMC and the dense equivalent, by default at the size of the paper.

    CGC is the grouped Mx1x1 convolution and three grouped 1x1 convolutions with channel shuffle, CMC one dense Mx1x1
    convolution, dense is CGC with one group. They take turns in one process.

    Args:
        channels: number of channels of each modality's feature map; 1408 for EfficientNet-B2.
        size: height and width of the feature maps.
        modalities: number of images of a patient.
        groups: number of groups of the convolutions in CGC, a divisor of channels.
        batch_size: number of patients in a batch, for the times.
        device: device to measure on, such as cpu or cuda.
        rounds: number of measurements.
        steps: number of batches of each network in a round.
        output: JSON to write, with hardware, versions and all numbers.
    """
    from common import benchmark

    environment = benchmark.describe_environment()
    result = benchmark.measure_complexity(channels, size, modalities, groups, batch_size, device, rounds, steps)
    _print("complexity", benchmark.complexity_table(result), {"environment": environment, **result}, output)


def study(planned: str, folder: str | None = None, rounds: int = 1, output: str | None = None) -> None:
    """CPU time of a study over that of its trainings, evaluations and probes alone.

    The study of a plan is run from its beginning to its archive, then the same runs without checks, logs, tables, page,
    calibration, archive and trial, each in a process of its own. Each takes as long as the study. Plan one first:
    scripts/study.py <bundle> --dataset_dir D --output_dir PLANNED --budget 10m --until plan.

    Args:
        planned: folder of a study with its plan, of one worker.
        folder: folder for the copies; by default a temporary one.
        rounds: number of measurements.
        output: JSON to write, with hardware, versions and all numbers.
    """
    from common import benchmark
    from common.study.overhead import measure_overhead, overhead_table

    with TemporaryDirectory() as temporary:
        result = measure_overhead(Path(planned), Path(folder or temporary), rounds)
    environment = benchmark.describe_environment()
    _print("study", overhead_table(result), {"environment": environment, **result}, output)


if __name__ == "__main__":
    run_commands(
        {
            each.__name__: each
            for each in (
                pipeline,
                rebalance,
                memory,
                cohort,
                radiomics,
                complexity,
                loading,
                scan,
                growth,
                sweep,
                processes,
                inference,
                study,
            )
        },
        help=__doc__,
    )
