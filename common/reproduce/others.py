"""What is no table of metrics: counts of a cohort, layers of a network, curves and features."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..csv_text import csv_text
from ..datalist_json import indexed_names, read_datalist
from ..errors import InputError
from ..evaluation.reports.table_lines import table_lines
from ..feature_table import read_table
from ..files import write_atomically
from .plan import Request
from .table import GREY, SMALL

if TYPE_CHECKING:
    from ..evaluation.protocols.comparison import Comparison
    from ..evaluation.protocols.stages import Stages

__all__ = ["draw_curve", "draw_heat_maps", "write_counts", "write_figure", "write_layers"]


def write_counts(request: Request) -> Path:
    """Subjects by label and centre, as Table 1 of Li et al. 2021.

    Returns:
        Path of the Markdown file; a CSV file is beside it.

    Raises:
        InputError: no row of the datalist has a label.
    """
    path = Path(request.settings.get("datalist") or request.dataset_dir / "datalist.json")
    content = read_datalist(path)
    subjects = {str(row["subject"]): row for row in reversed(content["training"]) if row.get("label") is not None}
    if not subjects:
        raise InputError(f"{path}: no row has a label; expected classes to count")
    names = indexed_names(path, content, "labels")
    counts = Counter((int(row["label"]), str(row.get("centre", "unknown"))) for row in subjects.values())
    centres = sorted({centre for _, centre in counts})
    rows = []
    for label in sorted({label for label, _ in counts}):
        found = [counts[label, centre] for centre in centres]
        rows.append([names.get(str(label), str(label)), *(str(each or "None") for each in found), str(sum(found))])
    header = ["Labels/Centres", *centres, "Total"]
    lines = [*table_lines(header, rows)]
    printed = [[row.name, *row.paper.get(request.cohort, ())] for row in request.exhibit.rows]
    if printed:
        lines += ["", f"The paper's own counts ({request.paper.reference}), of other data:", ""]
        columns = ["Labels/Centres", *(column.name for column in request.exhibit.columns)]
        in_grey = [[GREY.format(each) for each in row] for row in [columns, *printed]]
        lines += table_lines(in_grey[0], in_grey[1:])
    return _write(request, lines, pd.DataFrame(rows, columns=header))


def write_layers(request: Request) -> Path:
    """Layers of the encoder with the size of their output and their parameters, as Table 3 of Li et al. 2021.

    Returns:
        Path of the Markdown file; a CSV file is beside it.
    """
    import torch
    from monai.bundle import ConfigParser

    from ..bundle_configs import BundleConfigs

    configs, cohort = BundleConfigs(request.paper.bundle), request.paper.cohorts[request.cohort]
    parser = ConfigParser()
    parser.read_config([configs.path(name) for name in ("pretrain", *cohort.get("overlays", ()))])
    known = {key: value for key, value in request.settings.items() if key.split("#")[0] in parser.get()}
    parser.update({"dataset_dir": str(request.dataset_dir), **known})
    size, channels = (parser.get_parsed_content(name) for name in ("image_size", "in_channels"))
    encoder = parser.get_parsed_content("encoder").eval().to("meta")
    sizes: dict[str, str] = {}

    def note(name: str, output: torch.Tensor) -> None:
        """Keep the first shape of a layer's output."""
        sizes.setdefault(name, " x ".join(map(str, output.shape[1:])))

    hooks = [
        module.register_forward_hook(lambda module, inputs, output, name=name: note(name, output))
        for name, module in encoder.named_modules()
        if name and name.count(".") <= 1
    ]
    encoder(torch.empty(1, int(channels), *size, device="meta"))
    for hook in hooks:
        hook.remove()
    modules = dict(encoder.named_modules())
    rows = [
        [name, type(modules[name]).__name__, shape, str(sum(each.numel() for each in modules[name].parameters()))]
        for name, shape in sizes.items()
    ]
    total = sum(each.numel() for each in encoder.parameters())
    rows.append(["all", type(encoder).__name__, "", str(total)])
    header = ["Layer", "Type", "Output, channels first", "Parameters"]
    return _write(request, [*table_lines(header, rows)], pd.DataFrame(rows, columns=header))


def draw_heat_maps(run: Comparison) -> dict[str, Path]:
    """LayerCAM of the rows of a finished comparison on its first fold, as Fig. 4 of Chiang et al. 2023.

    Args:
        run: finished comparison with a fused network, and with single networks, frozen and fine-tuned.

    Returns:
        Figures by the subject's name.
    """
    from ..explain.explain_models import plain_name  # here, as --help needs no torch

    share, folder = next(run.shares()), run.output_dir / "heat_maps"
    fold, paths = share.repetition.folds[0], {}
    for row in run.trained:
        path = str(row.checkpoint(share.root, fold))
        if row.modality is None:
            paths["checkpoint"] = path
        else:
            kind = "linear_checkpoint" if row.overlays[-1] == "linear" else "single_checkpoint"
            paths[kind] = path.replace(f"/{row.modality}/", "/{modality}/")
    if not (folder / "explanations.csv").is_file():
        run.run_stage("explain", fold=fold, **share.repetition.overrides, **paths, output_dir=str(folder))
    table = read_table(folder / "explanations.csv", ("subject", "model", "modality"))
    figures = {str(name): folder / f"{plain_name(name)}.png" for name in table["subject"].unique()}
    return {name: path for name, path in figures.items() if path.is_file()}


def draw_curve(request: Request, run: Stages, report: Path) -> Path:
    """Curves over the share of labels, of the metrics that the paper shows."""
    from ..evaluation.protocols.methods import Encoder
    from ..evaluation.reports.label_fraction_figure import label_fraction_figure

    summary = json.loads((report / "metrics.json").read_text(encoding="utf-8"))
    rows = getattr(run, "rows", ())
    baselines = {row.name for row in rows if not isinstance(row.start, Encoder)}
    path = _folder(request) / f"{request.exhibit.folder}.png"
    return label_fraction_figure(summary, path, request.exhibit.metrics or ("accuracy",), baselines)


def write_figure(request: Request, figures: Mapping[str, Path]) -> Path:
    """A page of figures by their titles."""
    lines: list[str] = []
    for title, path in figures.items():
        lines += [f"![{title}]({path.relative_to(_folder(request)).as_posix()})", ""]
    return _write(request, lines)


def _folder(request: Request) -> Path:
    return request.output_dir / request.exhibit.folder / request.cohort


def _write(request: Request, lines: list[str], table: pd.DataFrame | None = None) -> Path:
    exhibit, folder = request.exhibit, _folder(request)
    if table is not None:
        write_atomically(folder / f"{exhibit.folder}.csv", csv_text(table))
    head = [f"# {exhibit.key.capitalize()}: {exhibit.title}", "", f"After {request.paper.reference}.", ""]
    head += [f"Protocol: {exhibit.protocol}", "", f"What differs: {exhibit.differs}", ""]
    if request.budget == "short" and exhibit.runs:
        head += [f"Drawn {SMALL}.", ""]
    return write_atomically(folder / f"{exhibit.folder}.md", "\n".join([*head, *lines]) + "\n")
