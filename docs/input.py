"""The page on what is read: ``python docs/input.py [FOLDER]`` writes docs/input.md.

Its rules are written by hand. The cases below them are the names of the tests that hold them, and the table of real
files says what happened when they were read; without the folder of these, it stays as it is.
"""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PAGE = PROJECT / "docs" / "input.md"
sys.path.insert(0, str(PROJECT))

HEADING = """\
## Real files

Collections of files that break readers, with thanks to pydicom, dcmqi, dicom2nifti and nibabel.

"""
TESTS = {
    "Images": "tests/common/images/test_reported_inputs.py",
    "DICOM series": "tests/common/images/test_dicom_series.py",
    "Tables": "tests/common/data/cohorts/test_table.py",
    "BIDS": "tests/common/data/cohorts/test_bids.py",
    "Tasks of the Decathlon, and folders of images and label maps": "tests/common/data/cohorts/test_decathlon.py",
    "Nodules of LIDC-IDRI": "tests/common/data/cohorts/test_lidc.py",
    "Arrays of MedMNIST": "tests/common/data/cohorts/test_npz.py",
    "Cohorts as their sites unpack them": "tests/common/data/cohorts/test_published_layouts.py",
}


def cases() -> str:
    """A list of what each test holds, by its name."""
    parts = ["## Cases\n\nEach line is the name of a test.\n"]
    for title, path in TESTS.items():
        names = re.findall(r"^def test_(\w+)\(", (PROJECT / path).read_text(encoding="utf-8"), re.MULTILINE)
        lines = [f"- {name.replace('_', ' ').capitalize()}." for name in names]
        parts.append("\n".join([f"### {title}\n", *lines, ""]))
    return "\n".join(parts)


def outcomes(root: Path) -> str:
    """A table of what happens to each folder with DICOM and each file below ``root``."""
    from common.images.read import read_image
    from common.images.stored_image import UnreadableImageError

    files = sorted(path for path in root.rglob("*") if path.is_file())
    folders = sorted({path.parent for path in files if path.suffix == ".dcm" or path.name.startswith("CT.")})
    lines = ["| path | what happens |", "|---|---|"]
    for path in (*folders, *files):
        try:
            image = read_image(path)
            size = " x ".join(map(str, image.spatial_shape))
            channels = f", {image.channels} channels" if image.channels > 1 else ""
            text = f"{size}{channels}, {image.voxels.dtype}, {image.voxels.min():.6g} to {image.voxels.max():.6g}"
        except UnreadableImageError as error:
            text = f"refused: {error}"
        lines.append(f"| `{path.relative_to(root)}{'/' * path.is_dir()}` | {text.replace('|', '/')} |")
    return "\n".join(lines) + "\n"


def page(root: Path | None = None) -> str:
    """The page's text; without ``root``, with the table that it has."""
    rules, _, rest = PAGE.read_text(encoding="utf-8").partition("## Cases\n")
    table = rest.partition(HEADING)[2]
    if root is not None:
        if not root.is_dir():
            raise SystemExit(f"{root}: found no such folder, expected that of the real files; correct the path")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = outcomes(root)
    return f"{rules}{cases()}\n{HEADING}{table}"


if __name__ == "__main__":
    PAGE.write_text(page(Path(sys.argv[1]) if len(sys.argv) > 1 else None), encoding="utf-8")
