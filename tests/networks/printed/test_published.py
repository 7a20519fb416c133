"""The published figures reach the user unchanged, with their source."""

import json
from dataclasses import FrozenInstanceError
from importlib import resources

import pytest

from igc_theory.networks import PublishedTable, published, published_tables

STORED = json.loads((resources.files("igc_theory.networks.printed") / "published.json").read_text(encoding="utf-8"))[
    "tables"
]


@pytest.mark.parametrize("entry", STORED, ids=[entry["id"] for entry in STORED])
def test_every_table_is_handed_out_as_stored(entry):
    table = published(entry["id"])
    for given, stored in zip(table.rows, entry["rows"], strict=True):
        absent = len(entry["columns"]) - len(stored)  # one row of igcv3-table1 ends early
        assert list(given) == stored + [None] * absent
    assert (table.paper, table.where, table.status, table.note) == (
        *(entry[k] for k in ("paper", "where", "status")),
        entry.get("note", ""),
    )
    for place, name in enumerate(entry["columns"]):
        assert table.column(name) == tuple(row[place] for row in table.rows)


@pytest.mark.parametrize("table", published_tables(), ids=lambda table: table.id)
def test_every_table_is_well_formed(table):
    assert table.status in {"printed", "second-hand", "digitised"}
    assert table.paper
    assert table.where
    assert len(set(table.columns)) == len(table.columns)
    assert all(len(row) == len(table.columns) for row in table.rows)
    for name in table.columns:
        kinds = {isinstance(value, str) for value in table.column(name) if value is not None}
        assert len(kinds) == 1, f"{name} mixes strings and numbers"
        # A count in millions, an accuracy or an error in percent: a slip of the decimal point would leave these ranges.
        if name.endswith("_percent"):
            assert all(value is None or 0 < value < 100 for value in table.column(name))


def test_ids_are_unique_and_in_the_order_of_the_file():
    ids = [entry["id"] for entry in STORED]
    assert [table.id for table in published_tables()] == ids
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(("table_id", "place", "value"), [
    ("igcv1-fig3a", (7, "cifar100_accuracy_percent"), 63.89),
    ("igcv1-fig3b", (9, "cifar100_accuracy_percent"), 68.13),
    ("igcv1-table7", (-1, "parameters_millions"), 24.1),
    ("igcv2-fig3", (0, "width"), 63.5),
    ("igcv3-table1", (0, "imagenet_top1_percent"), None),
    ("igcv3-table3", (6, "multiply_adds_millions"), 318),
])  # fmt: skip
def test_numbers_of_the_papers_that_anyone_can_look_up(table_id, place, value):
    row, name = place
    assert published(table_id).column(name)[row] == value


def test_both_displays_show_source_status_and_every_number():
    table = published("igcv2-fig3")
    for display in (str(table), table._repr_html_()):
        assert "IGCV2, Figure 3 (digitised)" in display
        assert "raw readings of the curves" in display
        assert all(str(value) in display for row in table.rows for value in row)


def test_tables_cannot_be_changed():
    table = published("igcv1-fig3a")
    with pytest.raises(FrozenInstanceError):
        table.status = "printed"
    assert isinstance(table, PublishedTable)
    assert published("igcv1-fig3a") is table


@pytest.mark.parametrize(("table_id", "advice"), [
    ("igcv3-table33", r"table_id='igcv3-table33' is not a published table: did you mean igcv3-table3"),
    ("", "use one of igcv1-fig3a, "),
    ("resnet", "use one of igcv1-fig3a, "),
])  # fmt: skip
def test_an_unknown_table_is_refused_with_a_way_out(table_id, advice):
    with pytest.raises(ValueError, match=advice):
        published(table_id)


@pytest.mark.parametrize("table_id", [3, None])
def test_a_table_is_named_by_a_string(table_id):
    with pytest.raises(TypeError, match=rf"table_id={table_id} is an? \w+: give a string"):
        published(table_id)


def test_an_unknown_column_is_refused_with_the_columns_there_are():
    with pytest.raises(ValueError, match=r"name='accuracy' is not known: use 'L', 'M', 'cifar100"):
        published("igcv1-fig3a").column("accuracy")
