from __future__ import annotations

import importlib
import sys

import pytest

from common.errors import InputError
from common.radiomics import RadiomicsSettings, available, extract_table


def test_without_pyradiomics_the_error_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "radiomics", None)
    assert not available()
    with pytest.raises(InputError, match=r"PyRadiomics is not installed.*install.sh radiomics"):
        extract_table([{"image": "a.nii.gz", "mask": "b.nii.gz", "subject": "a"}], cache_dir=tmp_path)


def test_a_folder_of_that_name_is_not_pyradiomics(monkeypatch, tmp_path):
    (tmp_path / "radiomics").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    for name in [name for name in sys.modules if name.partition(".")[0] == "radiomics"]:
        monkeypatch.delitem(sys.modules, name)
    importlib.invalidate_caches()
    assert not available()


@pytest.mark.skipif(not available(), reason="PyRadiomics is not installed")
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"setting": {"binWidht": 10}}, "binWidht"),
        ({"setting": {"binWidth": -1}}, "binWidth"),
        ({"imageType": {"Wavelett": {}}}, "Wavelett"),
        ({"featureClass": {"shapee": None}}, "shapee"),
        ({"setting": {"label_channel": 1}}, "label_channel: expected 0"),
        ({"voxelSetting": {"kernelRadius": 2}}, "voxelSetting is of maps by voxel"),
        ({"imageType": {"LoG": {}}}, "LoG has no sigma"),
        ({"setting": {"sigma": [1.0]}, "imageType": {"LoG": {"sigma": []}}}, "LoG has no sigma"),
        ({"imageType": {"Original": {"label": 2}}}, "Original: label holds for all image types"),
        ("absent.yaml", "absent.yaml: No such file"),
    ],
)
def test_bad_parameters_are_named_in_one_line(parameters, message):
    with pytest.raises(InputError, match=message) as caught:
        RadiomicsSettings.load(parameters)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not available(), reason="PyRadiomics is not installed")
def test_a_sigma_of_all_image_types_is_that_of_log_too():
    found = RadiomicsSettings.load({"setting": {"sigma": [1.0, 3.0]}, "imageType": {"LoG": {}}})
    assert found.setting["sigma"] == [1.0, 3.0] and found.image_types == {"LoG": {}}


@pytest.mark.skipif(not available(), reason="PyRadiomics is not installed")
def test_a_file_and_its_content_give_the_same_settings(tmp_path):
    path = tmp_path / "parameters.yaml"
    path.write_text("setting: {binWidth: 10, label: 2}\nimageType: {Original: {}}\n", encoding="utf-8")
    content = {"setting": {"binWidth": 10, "label": 2}, "imageType": {"Original": {}}}
    assert RadiomicsSettings.load(path) == RadiomicsSettings.load(content)
    assert RadiomicsSettings.load(path).mask_label == 2
    assert RadiomicsSettings.load(RadiomicsSettings.load(path), mask_label=4, min_voxels=8).min_voxels == 8


def test_a_file_that_is_not_yaml_is_named(tmp_path):
    pytest.importorskip("radiomics")
    (tmp_path / "a.yaml").write_text("setting: {", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("- 1", encoding="utf-8")
    with pytest.raises(InputError, match=r"a.yaml: not YAML"):
        RadiomicsSettings.load(tmp_path / "a.yaml")
    with pytest.raises(InputError, match=r"b.yaml: found list; expected setting"):
        RadiomicsSettings.load(tmp_path / "b.yaml")
