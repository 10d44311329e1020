from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from common.csv_text import original_cell, plain_cell

TEXTS = st.text(st.sampled_from("'=+-@;|\t\r\n a7"), max_size=12)


@given(TEXTS)
@example("' \t=")
def test_every_text_has_a_form_of_its_own_that_is_no_formula_and_comes_back(text):
    plain = plain_cell(text)
    assert original_cell(plain) == text
    assert not re.search(r"(^|[;|\t\r\n])\s*[=+\-@]", plain) and not re.match("[\t\r]", plain)


@given(st.text(st.characters(exclude_characters="=+-@;|\t\r\n"), max_size=12))
def test_other_text_stays_as_it_is(text):
    assert plain_cell(text) == text == original_cell(text)
