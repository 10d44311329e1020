"""Images of a datalist: voxel sizes and intensities that stand out, near-duplicates, pictures to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, cpu_count, delayed

from ..counts import counted
from ..data.near_duplicates import MOST, SIDE, near_duplicates, read_first, small_picture
from ..files import write_atomically
from ..images.thumbnail import encoded_picture, thumbnail
from ..plotting import figure, line_style
from ..programs import command_of
from .findings import Findings

__all__ = ["examine_images"]

SHOWN = 20  # subjects in the mosaic
STANDS_OUT = 3.0  # times the median
BINS = 40


@dataclass(frozen=True)
class _Look:
    """What one image looks like."""

    picture: np.ndarray
    small: np.ndarray
    shape: tuple[int, ...]
    spacing: tuple[float, ...] | None
    histogram: np.ndarray
    low: float
    high: float


def examine_images(
    findings: Findings, path: Path, rows: Sequence[Mapping[str, Any]], output_dir: Path | None, centre: str | None
) -> None:
    """Add findings on the first image of each row, and write pictures.

    Args:
        findings: findings to add to.
        path: datalist file.
        rows: valid rows with absolute paths.
        output_dir: folder of ``mosaic.jpg`` and ``histograms.png``; ``None`` writes none.
        centre: column by which the histograms are drawn.
    """
    rows = list(rows[:MOST])
    looks: list[_Look] = Parallel(min(cpu_count(), len(rows)), prefer="threads")(delayed(_look)(row) for row in rows)
    _outliers(findings, rows, looks)
    _duplicates(findings, path, rows, looks)
    if output_dir is None:
        return
    findings.files.append(str(_mosaic(rows, looks, output_dir / "mosaic.jpg")))
    findings.files.append(str(_histograms(rows, looks, centre, output_dir / "histograms.png")))


def _look(row: Mapping[str, Any]) -> _Look:
    image, mask = read_first(row)
    small = small_picture(image, mask)
    values = image.voxels.astype(np.float32).ravel()
    low, high = (float(value) for value in np.percentile(values, (1, 99)))
    shares, _ = np.histogram(values, BINS, (low, max(high, low + 1e-6)))
    spacing = None
    if image.affine is not None:
        spacing = tuple(float(size) for size in np.linalg.norm(np.asarray(image.affine)[:3, :3], axis=0))
    return _Look(thumbnail(image, mask, side=SIDE), small, image.spatial_shape, spacing, shares, low, high)


def _outliers(findings: Findings, rows: Sequence[Mapping[str, Any]], looks: Sequence[_Look]) -> None:
    """Images with another voxel size or range of intensities than most."""
    shapes = np.array([np.prod(look.shape) ** (1 / len(look.shape)) for look in looks])
    ranges = np.array([look.high - look.low for look in looks])
    measures = {"size in voxels": shapes, "range of intensities": ranges}
    spacings = [look.spacing for look in looks]
    if all(spacing is not None for spacing in spacings):
        measures["largest voxel side"] = np.array([max(spacing) for spacing in spacings if spacing])
    for name, values in measures.items():
        ratio = values / max(float(np.median(values)), 1e-6)
        outside = np.flatnonzero((ratio > STANDS_OUT) | (ratio < 1 / STANDS_OUT))
        if len(outside):
            listed = ", ".join(str(rows[i].get("subject")) for i in outside[:5])
            remedy = {
                "largest voxel side": "resample with --spacing, or check the headers",
                "size in voxels": "check that they show the same part of the body",
                "range of intensities": "check their units: Hounsfield units in CT; MR has none, and scanners differ",
            }[name]
            findings.warning(
                "images",
                f"{counted(len(outside), 'image')} with an unusual {name} (3 times the median or a third): {listed}",
                remedy,
            )
    alike = [look.shape for look in looks if len(look.shape) == len(looks[0].shape)]
    median = tuple(int(size) for size in np.median(alike, axis=0))
    findings.note("images", f"median shape {median}, 1st to 99th percentile of intensities about {_span(looks)}")


def _span(looks: Sequence[_Look]) -> str:
    return f"{np.median([look.low for look in looks]):.4g} to {np.median([look.high for look in looks]):.4g}"


def _duplicates(findings: Findings, path: Path, rows: Sequence[Mapping[str, Any]], looks: Sequence[_Look]) -> None:
    joined = path.with_stem(f"{path.stem}_joined")
    pairs = near_duplicates(np.stack([look.small for look in looks]))
    others = [(i, j) for i, j in pairs if rows[i].get("subject") != rows[j].get("subject")]
    apart = [(i, j) for i, j in others if rows[i].get("fold") != rows[j].get("fold")]
    for what, found, level in (
        ("different folds", apart, findings.error),
        ("one fold", set(others) - set(apart), findings.warning),
    ):
        if found:
            counted = "1 pair" if len(found) == 1 else f"{len(found)} pairs"
            listed = ", ".join(f"{rows[i]['subject']} and {rows[j]['subject']}" for i, j in sorted(found)[:5])
            level(
                "near-duplicates",
                f"{counted} of images of different subjects in {what} look the same: {listed}",
                f"give them one subject and fold: {command_of('make_datalist')} near_duplicates {path} {joined}",
            )
    if not others:
        findings.note("near-duplicates", f"none of different subjects among {len(rows)} images")


def _mosaic(rows: Sequence[Mapping[str, Any]], looks: Sequence[_Look], path: Path) -> Path:
    """20 subjects spread over the cohort, with the outline of their mask and their name."""
    from PIL import Image, ImageDraw

    first = list({str(row.get("subject")): i for i, row in reversed(list(enumerate(rows)))}.values())[::-1]
    chosen = [first[i] for i in np.unique(np.linspace(0, len(first) - 1, min(SHOWN, len(first))).round().astype(int))]
    columns = min(5, len(chosen))
    caption = 18
    canvas = Image.new("RGB", (columns * SIDE, -(-len(chosen) // columns) * (SIDE + caption)), (20, 24, 28))
    draw = ImageDraw.Draw(canvas)
    for place, index in enumerate(chosen):
        x, y = place % columns * SIDE, place // columns * (SIDE + caption)
        picture = Image.fromarray(looks[index].picture)
        canvas.paste(picture, (x + (SIDE - picture.width) // 2, y + (SIDE - picture.height) // 2))
        label = rows[index].get("label")
        text = f"{rows[index].get('subject')}" + (f" ({label})" if isinstance(label, int) else "")
        draw.text((x + 4, y + SIDE + 3), text[-30:], fill=(220, 225, 230))
    return write_atomically(path, encoded_picture(np.asarray(canvas)))


def _histograms(rows: Sequence[Mapping[str, Any]], looks: Sequence[_Look], centre: str | None, path: Path) -> Path:
    """Intensities, their upper end and sizes of the images, by centre."""
    names = [str(row.get(centre, "unknown")) if centre else "all images" for row in rows]
    common = np.linspace(min(look.low for look in looks), max(look.high for look in looks), BINS + 1)
    middles = (common[:-1] + common[1:]) / 2
    with figure(path, 3.8, 1, 3, width=12) as (_, axes):
        for index, name in enumerate(sorted(set(names))):
            members = [look for look, its in zip(looks, names, strict=True) if its == name]
            style = line_style(index)
            shares = sum(_on(look, common) for look in members) / len(members)
            axes[0, 0].step(middles, shares, where="mid", **style, label=f"{name} ({len(members)})")
            axes[0, 1].hist([look.high for look in members], 20, histtype="step", **style)
            axes[0, 2].hist([float(np.prod(look.shape)) for look in members], 20, histtype="step", **style)
        axes[0, 0].set(xlabel="Intensity", ylabel="Share of the voxels")
        axes[0, 1].set(xlabel="99th percentile of the intensities", ylabel="Images")
        axes[0, 2].set(xlabel="Voxels of an image", ylabel="Images")
        axes[0, 0].legend(fontsize=8)
    return path


def _on(look: _Look, edges: np.ndarray) -> np.ndarray:
    """A histogram of an image on common bins, by its cumulative shares."""
    own = np.linspace(look.low, max(look.high, look.low + 1e-6), BINS + 1)
    cumulative = np.concatenate([[0.0], np.cumsum(look.histogram) / max(look.histogram.sum(), 1)])
    return np.diff(np.interp(edges, own, cumulative))
