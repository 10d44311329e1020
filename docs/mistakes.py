"""The page of mistakes: ``python docs/mistakes.py`` makes each of them on a small cohort and writes docs/mistakes.md.

A test makes them too, and compares.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
PAGE = PROJECT / "docs" / "mistakes.md"
sys.path.insert(0, str(PROJECT))

SUBJECTS = 20
HEADER = """\
# The likeliest mistakes

Each with the line that it gives for the whole cohort and the command that corrects it. Nothing has
been trained or written by then. Lines are those of a cohort of 20 subjects in the folder `data`; `python
docs/mistakes.py` makes the mistakes and writes this page, and a test compares it with the code. `scripts/doctor.py
data/datalist.json` looks for all of those that are in the data at once.
"""
TRAIN = "python -m monai.bundle run training --config_file bundles/siam3d_imbalance/configs/train.yaml"
THYROID = "python -m monai.bundle run training --config_file bundles/radiomics_deep_contrast/configs/train.yaml"
EVALUATE = (
    "python -m monai.bundle run evaluating --config_file "
    "\"['bundles/siam3d_imbalance/configs/train.yaml','bundles/siam3d_imbalance/configs/evaluate.yaml']\""
)
SMALL = '--box_size "[8,8,8]" --channels "[4,8]"'


@dataclass(frozen=True)
class Mistake:
    """One mistake: its title, what it changes in the folder ``data``, the command, and what corrects it."""

    title: str
    command: str
    remedy: str
    change: Callable[[Path], None] = lambda folder: None


def change_rows(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """A change of each row of the datalist."""

    def changed(folder: Path) -> None:
        path = folder / "data" / "datalist.json"
        content = json.loads(path.read_text())
        for row in content["training"]:
            change(row)
        path.write_text(json.dumps(content))

    return changed


def in_colour(folder: Path) -> None:
    """Pictures in red, green, blue and opacity instead of the volumes."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)

    def paint(row: dict[str, Any]) -> None:
        row.update(image=f"{row['subject']}.png", mask=f"{row['subject']}_mask.png")
        Image.fromarray(rng.integers(0, 255, (24, 24, 4), dtype=np.uint8), "RGBA").save(folder / "data" / row["image"])
        mask = np.zeros((24, 24), np.uint8)
        mask[6:12, 6:12] = 255
        Image.fromarray(mask).save(folder / "data" / row["mask"])

    change_rows(paint)(folder)
    path = folder / "data" / "datalist.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "modality": {"0": "US"}}))


def few(folder: Path) -> None:
    """Five subjects instead of twenty."""
    path = folder / "data" / "datalist.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "training": content["training"][:5]}))


def old_weights(folder: Path) -> None:
    """Weights with the record of a training with other settings."""
    import torch

    from common.training_record import with_training_record

    record = {
        "bundle": "siam3d_imbalance",
        "config": "train",
        "settings": {"box_size": [8, 8, 8], "channels": [4, 8]},
        "options": {},
        "classes": None,
        "modalities": None,
        "fold": 0,
        "subjects": {"training": ["s01"], "validation": []},
        "versions": {},
    }
    (folder / "out").mkdir()
    torch.save(with_training_record({"weight": torch.zeros(1)}, record), folder / "out" / "model.pt")


MISTAKES = (
    Mistake(
        "A wrong path",
        f"{TRAIN} --dataset_dir dta",
        "correct it: `--dataset_dir data`; `ls data/datalist.json` shows it",
    ),
    Mistake(
        "Files that were moved",
        f"{TRAIN} --dataset_dir data {SMALL}",
        "write the datalist again where the files are: `python scripts/make_datalist.py ...`",
        change_rows(lambda row: row.update(image=[f"old/{name}" for name in row["image"]])),
    ),
    Mistake("`in_channels`", f"{TRAIN} --dataset_dir data --in_channels 1 {SMALL}", "leave `--in_channels` out"),
    Mistake(
        "A forgotten mask",
        f"{TRAIN} --dataset_dir data {SMALL}",
        "a column `mask`: `python scripts/make_datalist.py table patients.csv data/datalist.json --images flair,t1`",
        change_rows(lambda row: row.pop("mask")),
    ),
    Mistake(
        "Labels as text",
        f"{TRAIN} --dataset_dir data {SMALL}",
        "`python scripts/make_datalist.py table patients.csv data/datalist.json --labels low,high` numbers them",
        change_rows(lambda row: row.update(label=["low", "high"][row["label"]])),
    ),
    Mistake(
        "Pictures in colour (RGBA)",
        f"{THYROID} --dataset_dir data",
        "`mogrify -alpha off -colorspace Gray data/*.png` (ImageMagick)",
        in_colour,
    ),
    Mistake(
        "A class missing in a fold's training",
        f"{TRAIN} --dataset_dir data {SMALL}",
        "`python scripts/make_datalist.py ...` assigns folds stratified by class",
        change_rows(lambda row: row.update(fold=1 - row["label"])),
    ),
    Mistake(
        "Too few subjects",
        f"{TRAIN} --dataset_dir data {SMALL}",
        "add subjects, or `--validation_fraction 0`, which keeps the last epoch",
        few,
    ),
    Mistake("`num_classes`", f"{TRAIN} --dataset_dir data --num_classes 3 {SMALL}", "leave `--num_classes` out"),
    Mistake(
        "An old checkpoint with new settings",
        f'{EVALUATE} --dataset_dir data --checkpoint out/model.pt --box_size "[6,6,6]"',
        'leave `--box_size` out: the checkpoint knows it; or train again with `--box_size "[6,6,6]"`',
        old_weights,
    ),
    Mistake("A word for a number", f"{TRAIN} --dataset_dir data --max_epochs ten {SMALL}", "`--max_epochs 10`"),
)


def write_cohort(folder: Path) -> None:
    """Twenty subjects with two modalities, a mask, a class and a fold."""
    import nibabel as nib
    import numpy as np

    rng, rows = np.random.default_rng(0), []
    data = folder / "data"
    data.mkdir(parents=True)
    mask = np.zeros((10, 10, 10), np.uint8)
    mask[3:7, 3:7, 3:7] = 1
    for i in range(SUBJECTS):
        names = {name: f"s{i:02d}_{name}.nii.gz" for name in ("flair", "t1", "seg")}
        for name, file in names.items():
            voxels = mask if name == "seg" else rng.integers(0, 900, mask.shape).astype(np.int16)
            nib.save(nib.Nifti1Image(voxels, np.eye(4)), data / file)
        row = {"image": [names["flair"], names["t1"]], "mask": names["seg"], "subject": f"s{i:02d}"}
        rows.append({**row, "label": i % 2, "fold": i // 2 % 2})
    content = {"labels": {"0": "low", "1": "high"}, "modality": {"0": "flair", "1": "t1"}, "training": rows}
    (data / "datalist.json").write_text(json.dumps(content))


def line_of(mistake: Mistake, folder: Path) -> str:
    """What the command says, made in an empty folder, without the folder's name.

    Raises:
        RuntimeError: the command found nothing wrong.
    """
    from monai.bundle import ConfigWorkflow

    from common.command_values import read_setting
    from common.errors import InputError, root_cause

    write_cohort(folder)
    mistake.change(folder)
    words = shlex.split(mistake.command)[5:]
    options = {word[2:]: value for word, value in zip(words[::2], words[1::2], strict=True)}
    files = options.pop("config_file")
    files = read_setting(files) if files.startswith("[") else [files]
    settings = {name: read_setting(value) for name, value in options.items()}
    before = Path.cwd()
    try:
        os.chdir(folder)
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            workflow = ConfigWorkflow(
                [str(PROJECT / file) for file in files],
                logging_file=False,
                workflow_type="train",
                output_dir=str(folder / "out"),
                cache_dir=str(folder / "cache"),
                device="cpu",
                **settings,
            )
            workflow.initialize()
            workflow.parser.get_parsed_content("held_out" if "evaluate" in mistake.command else "train#trainer")
    except Exception as error:
        if isinstance(cause := root_cause(error), InputError):
            return str(cause).replace(f"{folder}{os.sep}", "").replace(str(PROJECT), ".")
        raise
    finally:
        os.chdir(before)
    raise RuntimeError(f"{mistake.title}: the command found nothing wrong")


def section(mistake: Mistake) -> str:
    """A section of the page."""
    with TemporaryDirectory() as folder:
        line = line_of(mistake, Path(folder).resolve())
    command = mistake.command.replace(" --config_file", " \\\n    --config_file").replace(
        " --dataset_dir", " \\\n    --dataset_dir"
    )
    return f"## {mistake.title}\n\n```text\n$ {command}\nerror: {line}\n```\n\nRemedy: {mistake.remedy}.\n"


def page() -> str:
    """The page."""
    return "\n".join([HEADER, *map(section, MISTAKES)])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
