"""Datalists like the papers' cohorts, of which no image is read."""

from __future__ import annotations

import json
from pathlib import Path

#: Bundle and its cohorts: number of classes, modalities, masks as labels.
COHORTS = {
    ("siam3d_imbalance", "brats"): (2, ["FLAIR", "T1", "T1ce", "T2"]),
    ("siam3d_imbalance", "lung"): (3, ["CT"]),
    ("radiomics_deep_contrast", "thyroid"): (2, ["US"]),
    ("radiomics_deep_contrast", "kidney"): (4, ["CT"]),
    ("mlsscl_3d", "adni"): (2, ["T1"]),
    ("mlsscl_3d", "isbi"): (2, ["flair"]),
    ("liver_cgc", "liver"): (2, ["T1", "T2", "OUT"]),
}


def write_cohort(folder: Path, bundle: str, cohort: str, subjects: int = 40) -> Path:
    """Write ``datalist.json`` with five folds, and ``datalist_pretraining.json`` of other subjects."""
    classes, modalities = COHORTS[bundle, cohort]
    folder.mkdir(parents=True)
    rows = []
    for place in range(subjects):
        label = f"{place}_mask.nii" if cohort == "isbi" else place % classes
        rows.append(
            {
                "image": [f"{place}_{name}.nii" for name in modalities],
                "mask": f"{place}.nii",
                "subject": f"s{place}",
                "label": label,
                "fold": place // classes % 5,
                "age": 60.0,
                "centre": "AB"[place % 2],
            }
        )
    content = {"labels": {str(k): f"class {k}" for k in range(classes)}}
    content["modality"] = {str(k): name for k, name in enumerate(modalities)}
    (folder / "datalist.json").write_text(json.dumps({**content, "training": rows}))
    others = [{"image": f"{k}.nii", "subject": f"other{k}", "age": 60.0} for k in range(10)]
    (folder / "datalist_pretraining.json").write_text(json.dumps({"training": others}))
    return folder
