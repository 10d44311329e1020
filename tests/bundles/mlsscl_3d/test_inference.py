"""inference.json needs no Python of ours: an exported classifier in, predictions out."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np

from tests.bundles.shared.inference import SharedInference


class TestInference(SharedInference):
    image_shapes = ((3, 1, 32, 32, 32), (1, 1, 33, 30, 47))  # any size
    brightest = 255


def test_however_a_volume_lies_in_its_file_the_prediction_is_the_same(infer, tiny, rows, tmp_path):
    """RAS, LPS and other axes of one brain: the anatomical axes count, not those of the file."""
    image = nib.load(tiny["dataset_dir"] / rows[0]["image"])
    for axes in ("RAS", "LPS", "PIR"):
        change = nib.orientations.ornt_transform(nib.io_orientation(image.affine), nib.orientations.axcodes2ornt(axes))
        nib.save(image.as_reoriented(change), tmp_path / f"{axes}.nii.gz")
    turned = [{"image": f"{axes}.nii.gz", "subject": axes} for axes in ("RAS", "LPS", "PIR")]
    (tmp_path / "datalist.json").write_text(json.dumps({"testing": turned}))
    table, _ = infer(dataset_dir=tmp_path, section="testing")
    values = table[["probability_0", "probability_1"]].to_numpy()
    np.testing.assert_allclose(values, values[:1].repeat(3, axis=0), rtol=1e-4)
