from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from common.images.volume import Volume


def oblique() -> sitk.Image:
    image = sitk.GetImageFromArray(np.arange(24, dtype=np.int16).reshape(2, 3, 4))
    image.SetSpacing((0.7, 0.9, 2.5))
    image.SetOrigin((-3.0, 8.0, 40.0))
    turned = sitk.Euler3DTransform((0, 0, 0), 0.2, -0.3, 0.5)
    image.SetDirection(turned.GetMatrix())
    return image


def test_an_itk_image_is_the_same_after_there_and_back():
    image = oblique()
    found = Volume.of(image).to_itk()
    assert (sitk.GetArrayFromImage(found) == sitk.GetArrayFromImage(image)).all()
    for get in ("GetSpacing", "GetOrigin", "GetDirection", "GetPixelID"):
        assert getattr(found, get)() == getattr(image, get)()


def test_places_of_voxels_are_those_of_itk():
    image, index = oblique(), (1.5, 2.0, -0.25)
    volume, point = Volume.of(image), image.TransformContinuousIndexToPhysicalPoint(index)
    np.testing.assert_allclose(volume.point(index), point, rtol=1e-12)
    np.testing.assert_allclose(volume.index(point), index, rtol=1e-12)
    assert volume.size == image.GetSize() and volume.dimension == 3
