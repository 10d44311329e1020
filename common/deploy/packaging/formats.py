"""The formats in which a network is exported, and the check that all of them compute the same."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from ...errors import InputError, disk_problem, one_line
from ...training_record import with_training_record
from .reproducible import save_script, without_stack_traces

__all__ = ["FORMATS", "TOLERANCE", "write_formats"]

#: Largest difference of a probability from that of the network itself, in float32 on the CPU.
TOLERANCE = 1e-4


def write_formats(
    network: nn.Module,
    inputs: torch.Tensor,
    folder: str | Path,
    *,
    formats: Sequence[str] | None = None,
    extra_files: Mapping[str, str] | None = None,
    record: Mapping[str, Any] | None = None,
    progress: bool = False,
) -> dict[str, float]:
    """Write a network in several formats, read each back, and compare it with the network itself.

    Formats that can be run take batches of any size: they are run on all reference inputs together, and on the first
    one alone. For formats with weights alone, every bit is compared. The files contain neither times nor paths of this
    machine, so that the same network gives the same bytes.

    Args:
        network: network from ``B[C]HWD`` to ``B[K]``, on the CPU and in evaluation mode.
        inputs: reference inputs, ``B[C]HWD`` with ``B`` > 1.
        folder: output folder.
        formats: names of :data:`FORMATS`, by default all.
        extra_files: texts to put into ``model.ts``, by name: ``metadata.json`` and ``inference.json``, for programs
            that read nothing else.
        record: training record to put into ``model.pt``.
        progress: whether to show a progress bar with the current format.

    Returns:
        The largest difference from the network itself for each format.

    Raises:
        InputError: a format can't be written or read, or differs by more than :data:`TOLERANCE`.
    """
    source = _Source(network, inputs, dict(extra_files or {}), record)
    differences = {}
    Path(folder).mkdir(parents=True, exist_ok=True)
    with tqdm(formats or FORMATS, desc="formats of the weights", disable=not progress) as names:
        for name in names:
            names.set_postfix_str(name)
            write, compare = FORMATS[name]
            with _quiet(), _input_errors(name):
                write(source, Path(folder) / name)
                differences[name] = compare(source, Path(folder) / name)
            if not differences[name] <= TOLERANCE:
                found = f"differs from the network by {differences[name]:.3g} on reference inputs"
                raise InputError(
                    f"{name}: {found}; expected at most {TOLERANCE:g}; nothing is packaged: look for what the network "
                    "computes otherwise when exported"
                )
    return differences


class _Source:
    """A network with its reference inputs and outputs."""

    def __init__(
        self,
        network: nn.Module,
        inputs: torch.Tensor,
        extra_files: dict[str, str],
        record: Mapping[str, Any] | None = None,
    ) -> None:
        self.network, self.extra_files, self.record = network, extra_files, record
        self.batches = (inputs[:1], inputs)

    @cached_property
    def expected(self) -> list[torch.Tensor]:
        """What the network itself gives for each batch."""
        with torch.no_grad():
            return [self.network(batch) for batch in self.batches]

    @cached_property
    def exported(self) -> torch.export.ExportedProgram:
        """The network as a program for batches of any size."""
        batch = ({0: torch.export.Dim("batch")},)
        return without_stack_traces(torch.export.export(self.network, self.batches[-1:], dynamic_shapes=batch))

    def difference(self, run: Callable[[torch.Tensor], torch.Tensor]) -> float:
        """Largest difference of another format's outputs; NaN where an output is NaN."""
        with torch.no_grad():
            pairs = zip(map(run, self.batches), self.expected, strict=True)
            return max(float((found - expected).abs().max()) for found, expected in pairs)

    def difference_of_weights(self, state: Mapping[str, torch.Tensor]) -> float:
        """0 where all bits are equal, else infinity."""
        own = self.network.state_dict()
        same = state.keys() == own.keys() and all(torch.equal(state[key], own[key]) for key in own)
        return 0.0 if same else torch.inf


def _write_state(source: _Source, path: Path) -> None:
    state = with_training_record(source.network.state_dict(), source.record)
    _write_buffered(path, partial(torch.save, state))


def _write_buffered(path: Path, save: Callable[[BytesIO], None]) -> None:
    """Write what ``save`` writes; torch itself ends the process where a disk is full."""
    written = BytesIO()
    save(written)
    path.write_bytes(written.getbuffer())


def _compare_state(source: _Source, path: Path) -> float:
    return source.difference_of_weights(torch.load(path, weights_only=True))


def _write_safetensors(source: _Source, path: Path) -> None:
    from safetensors.torch import save_file

    save_file({key: value.contiguous() for key, value in source.network.state_dict().items()}, path)


def _compare_safetensors(source: _Source, path: Path) -> float:
    from safetensors.torch import load_file

    return source.difference_of_weights(load_file(path))


def _write_script(source: _Source, path: Path) -> None:
    save_script(source.network, path, source.extra_files)


def _compare_script(source: _Source, path: Path) -> float:
    return source.difference(torch.jit.load(path))


def _write_exported(source: _Source, path: Path) -> None:
    _write_buffered(path, partial(torch.export.save, source.exported))


def _compare_exported(source: _Source, path: Path) -> float:
    return source.difference(torch.export.load(path).module())


def _write_onnx(source: _Source, path: Path) -> None:
    names: dict[str, Any] = {"input_names": ["image"], "output_names": ["pred"]}
    batch = ({0: "batch"},)
    torch.onnx.export(source.exported, f=path, **names, dynamic_shapes=batch, verbose=False, external_data=False)


def _compare_onnx(source: _Source, path: Path) -> float:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return source.difference(lambda batch: torch.from_numpy(session.run(None, {"image": batch.numpy()})[0]))


#: For each file, the functions that write it and compare it with the network.
FORMATS: dict[str, tuple[Callable[[_Source, Path], None], Callable[[_Source, Path], float]]] = {
    "model.pt": (_write_state, _compare_state),
    "model.safetensors": (_write_safetensors, _compare_safetensors),
    "model.ts": (_write_script, _compare_script),
    "model.pt2": (_write_exported, _compare_exported),
    "model.onnx": (_write_onnx, _compare_onnx),
}

_EXPORTERS = ("torch.onnx", "onnxscript", "onnx_ir")  # their logs help only those who write exporters


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence warnings about deprecations and about operators that no network here uses."""
    levels = {logging.getLogger(name): logging.getLogger(name).level for name in _EXPORTERS}
    for logger in levels:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


@contextmanager
def _input_errors(name: str) -> Iterator[None]:
    """Convert any exception of an exporter to an :class:`InputError`."""
    try:
        yield
    except ImportError as error:
        raise InputError(f"{name}: {error}; expected the packages of packaging; pip install '.[deploy]'") from error
    except InputError:
        raise
    except Exception as error:
        if problem := disk_problem(error):
            raise InputError(f"{name}: {problem}") from error
        found = f"{type(error).__name__}: {one_line(error)}"
        raise InputError(f"{name}: this network cannot be exported in this format ({found})") from error
