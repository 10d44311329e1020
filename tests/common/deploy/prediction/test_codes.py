from __future__ import annotations

import pytest
from pydicom.sr._concepts_dict import concepts

from common.deploy.prediction.codes import PRIVATE, SCHEME, SNOMED, class_code, private_code


@pytest.mark.parametrize("name", SNOMED)
def test_a_snomed_code_is_in_the_standards_own_dictionary_and_means_the_class(name):
    code = class_code(name)
    assert code.scheme_designator == "SCT"
    assert code.value in {value for meanings in concepts["SCT"].values() for value in meanings}
    assert code.meaning.lower().startswith(name)


def test_a_class_without_verified_code_keeps_its_name_in_the_private_scheme():
    code = class_code("high grade")
    assert (code.value, code.scheme_designator, code.meaning) == ("high grade", SCHEME, "high grade")


def test_capitals_and_blanks_do_not_hide_a_class():
    assert class_code(" Malignant ") == class_code("malignant")


def test_private_codes_fit_their_fields():
    assert SCHEME.startswith("99") and len(SCHEME) <= 16
    for value in PRIVATE:
        code = private_code(value)
        assert len(code.value) <= 16 and 0 < len(code.meaning) <= 64 and code.scheme_designator == SCHEME
