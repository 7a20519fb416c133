"""Lists, pairs, windows and arrays: what is read, and what is refused."""

from itertools import repeat

import numpy as np
import pytest
from scipy.sparse import csr_array

from igc_theory.structure.arguments.sequences import array_of, listed, pair_of, two_of, widths_of, window_of


@pytest.mark.parametrize("value", [[1, 8], (1, 8), np.array([1, 8]), range(1, 9, 7), iter([1, 8])])
def test_what_has_an_order_is_read(value):
    assert listed("widths", value, "give a list") == [1, 8]


class DataFrame:
    """A table like that of pandas: no Mapping, and iterating goes over the names of its columns."""

    columns = (1, 8)

    def keys(self):
        return self.columns

    def __iter__(self):
        return iter(self.columns)


@pytest.mark.parametrize(
    "value",
    [
        *("18", b"18", {1, 8}, {1: 8}, {1: 8}.keys(), 18, None, list, np.array(18), np.ma.masked_array([1, 8])),
        DataFrame(),
    ],
)
def test_what_has_no_order_or_no_entries_is_refused(value):
    with pytest.raises(TypeError, match="not a sequence: give a list"):
        listed("widths", value, "give a list")


def test_an_empty_list_is_taken_only_where_it_may_be_and_an_endless_one_nowhere():
    assert listed("widths", [], "give a list", empty=True) == []
    with pytest.raises(ValueError, match="is empty: give a list"):
        listed("widths", [], "give a list")
    with pytest.raises(ValueError, match="more than 1048576 entries"):
        listed("widths", repeat(1), "give a list")


def test_pairs_and_windows_have_two_sides():
    assert [pair_of("stride", value) for value in (2, (2, 2), [1, 3], np.int8(2))] == [(2, 2), (2, 2), (1, 3), (2, 2)]
    assert window_of("kernel_size", (2, 8), most_area=16) == (2, 8)
    assert two_of("groups", [2, "a"], "give two") == (2, "a")
    assert widths_of("branch_widths", range(1, 4)) == (1, 2, 3)
    with pytest.raises(ValueError, match="has 17 entries, more than 16"):
        window_of("kernel_size", (1, 17), most_area=16)
    with pytest.raises(ValueError, match=r"branch_widths\[1\]=0 is below 1"):
        widths_of("branch_widths", [1, 0])
    for value in ((1,), (1, 1, 1)):
        with pytest.raises(ValueError, match="entries, not 2"):
            pair_of("stride", value)
        with pytest.raises(ValueError, match="is not a pair"):
            two_of("stride", value, "give two")
    with pytest.raises(ValueError, match="is not a pair"):
        two_of("stride", "ab", "give two")


def test_arrays_are_whole():
    given = np.arange(6.0).reshape(2, 3)
    assert array_of("kernel", given) is given
    assert array_of("kernel", [[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match="ragged nesting"):
        array_of("kernel", [[1, 2], [3]])
    with pytest.raises(TypeError, match=r"kernel is a csr_array, a sparse array: give kernel\.toarray\(\)"):
        array_of("kernel", csr_array(given))
