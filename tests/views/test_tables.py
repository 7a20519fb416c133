"""Tables read back by other programs' rules say what was put in."""

import csv
import io

import pytest

from igc_theory.networks import Table, network, published_tables
from igc_theory.views.tables import SUMMARY, _short, block_summary, network_summary, to_csv, to_latex, to_markdown

SPECIAL = Table(
    "t",
    {"name": ["a|b", 'say "x", y', "50 % & more_#{}"], "count": [1, 20_000, None]},
    {"name": "sum", "count": 20_001},
)


def test_csv_reads_back() -> None:
    rows = list(csv.reader(io.StringIO(to_csv(SPECIAL))))
    assert rows == [["name", "count"], ["a|b", "1"], ['say "x", y', "20000"], ["50 % & more_#{}", ""]]


def test_markdown_has_equal_cells_in_every_line() -> None:
    lines = [line.replace(r"\|", "") for line in to_markdown(SPECIAL).splitlines()]
    assert {line.count("|") for line in lines} == {3}
    assert lines[1] == "| --- | ---: |"
    assert lines[-1] == "| sum | 20,001 |"


def test_latex_escapes_what_latex_reads() -> None:
    latex = to_latex(SPECIAL)
    assert r"50 \% \& more\_\#\{\} &" in latex
    body = latex.split(r"\midrule")[1]
    assert body.count(r"\\") == 3
    assert latex.count(r"\midrule") == 2  # below the head, above the totals


def test_summaries_name_every_network_and_block() -> None:
    table = network_summary()
    assert table.columns["network"] == list(SUMMARY)
    assert table.columns["parameters"] == [network(name).parameters for name in SUMMARY]
    assert len(table.rows) + len(block_summary().rows) < 45  # one page
    assert "<table>" in table._repr_html_()


@pytest.mark.parametrize(
    ("count", "text"),
    [(999_999, "999,999"), (10**6, "1.0e06"), (2**333, "1.7e100"), (10**300 - 1, "1.0e300"), (3 * 10**400, "3.0e400")],
)
def test_many_paths_are_a_power_of_ten(count: int, text: str) -> None:
    assert _short(count) == text


def test_block_summary_is_ordered_as_the_papers_tell_it() -> None:
    weights = dict(zip(block_summary().columns["block"], block_summary().columns["weights"], strict=True))
    assert weights["regular"] > weights["depthwise separable"] > weights["IGCV1 L=32 M=2"] > weights["IGCV2 K=1,8,8"]


def test_every_published_table_goes_to_latex() -> None:
    for table in published_tables():
        shown = Table(table.id, {name: list(table.column(name)) for name in table.columns})
        assert to_latex(shown).count("\n") == len(table.rows) + 5


@pytest.mark.parametrize("function", ["to_csv", "to_latex", "to_markdown"])
def test_only_tables_are_written(function: str) -> None:
    from igc_theory import views

    with pytest.raises(TypeError, match=r"table=3 is an int: give one of igc_theory\.networks"):
        getattr(views, function)(3)
