"""The explorers in JupyterLab: controls are moved by keyboard, and what is then shown is what the library says."""

from __future__ import annotations

import nbformat
import pytest

from igc_theory.budget import best_dense, widest_dense, widest_strict
from igc_theory.kernels import project
from igc_theory.structure import Chain, explain_complementarity, igcv1, interleaved, path_counts
from igc_theory.views.explorers.balance import balance_answer
from igc_theory.views.explorers.budgets import budget_answer
from igc_theory.views.explorers.kernels import example_kernel
from igc_theory.views.explorers.paths import paths_answer
from notebooks.build import METADATA
from tests.browser.conftest import PATIENCE, leave, opened

pytestmark = pytest.mark.xdist_group("browser")


class Explorer:
    """The controls of an explorer on the screen, and the answer below them, which comes a moment after a control is moved."""

    def __init__(self, opened, cell):
        from playwright.sync_api import expect

        self.expect = expect
        expect.set_options(timeout=PATIENCE)
        self.page = opened.page
        self.box = opened.cells.nth(cell).locator(".jp-OutputArea-output .jupyter-widgets.widget-vbox").first
        self.box.locator("img").wait_for()

    def row(self, label):
        """Return the row of a slider: itself, and beside it the field that says its value."""
        return self.box.locator(".widget-box:not(.widget-vbox)", has=self.page.get_by_text(label, exact=True))

    def press(self, label, *keys):
        """Give a slider the focus and press keys on it."""
        handle = self.row(label).get_by_role("slider")
        handle.focus()
        for key in keys:
            handle.press(key)

    def write(self, label, text):
        field = self.row(label).get_by_role("textbox")
        field.fill(text)
        field.press("Enter")

    def fact(self, name):
        return self.box.locator("tr", has=self.page.get_by_role("rowheader", name=name, exact=True)).locator("td")

    def shows(self, *, readout=(), sentence=None, refusal=None, **facts):
        """Wait until the answer is this one; fail if it never is."""
        if readout:
            label, text = readout
            self.expect(self.row(label).get_by_role("textbox")).to_have_value(text)
        if refusal is not None:
            self.expect(self.box.get_by_role("alert")).to_contain_text(refusal)
            self.expect(self.box.locator("img")).to_have_count(0)
        elif sentence is not None:
            self.expect(self.box.locator("p").first).to_have_text(sentence)
        for name, text in facts.items():
            self.expect(self.fact(name.replace("_", " "))).to_have_text(text)


@pytest.fixture(scope="module")
def explorer(desk, lab):
    """Show an explorer: what each of their notebooks imports and calls stands in one here, with one page and one kernel."""
    names = sorted(path.stem for path in lab.notebooks.glob("*_explore_*.ipynb"))
    cells = [cell for name in names for cell in code_cells(lab.notebooks / f"{name}.ipynb")[:2]]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=METADATA), lab.notebooks / "explorers.ipynb")
    shown = opened("explorers", desk, lab)
    shown.run_all()
    assert shown.problems() == []
    yield lambda name: Explorer(shown, 2 * names.index(name) + 1)
    leave(desk, lab)


def code_cells(path):
    return [nbformat.v4.new_code_cell(cell.source) for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]


def test_a_block(explorer):
    block = explorer("20_explore_blocks")
    block.shows(weights=f"{igcv1(4, 3).parameters:,}")
    block.press("L, partitions", "ArrowRight", "ArrowRight")
    found = explain_complementarity(igcv1(6, 3)).sentence
    block.shows(readout=("L, partitions", "6"), sentence=found, weights=f"{igcv1(6, 3).parameters:,}")
    block.box.get_by_role("checkbox").press("Space")
    bare = explain_complementarity(Chain(igcv1(6, 3).convolutions)).sentence
    assert "no path" in bare
    block.shows(sentence=bare, weights=f"{igcv1(6, 3).parameters:,}")


def test_paths(explorer):
    paths = explorer("21_explore_paths")
    paths.press("chain", "ArrowRight", "ArrowRight")
    paths.shows(readout=("chain", "interleaved, 12: 1 × 4 × 4"))
    paths.shows(paths_in_all="16")
    paths.press("output channel", "End")
    row = path_counts(interleaved(12, [1, 4, 4]))[11]
    paths.shows(sentence=paths_answer(interleaved(12, [1, 4, 4]), output=11).sentence)
    paths.shows(inputs_that_reach_it=str((row > 0).sum()), fewest_paths=str(row.min()), most_paths=str(row.max()))


def test_a_budget_and_one_that_pays_for_nothing(explorer):
    with pytest.raises(ValueError, match="budget=10") as refusal:
        widest_strict(10, 49)
    budget = explorer("22_explore_budgets")
    budget.press("weights", "ArrowRight")
    budget.shows(readout=("weights", "5,000"))
    row = budget.box.locator("tr", has=budget.page.get_by_role("cell", name="dense", exact=True))
    budget.expect(row.locator("td").nth(1)).to_have_text(f"{widest_dense(5000, 9).channels:,}")

    budget.write("weights", "abc")
    budget.shows(refusal="weights='abc' is not offered")
    budget.write("weights", "5001")
    budget.shows(sentence=budget_answer(5001).sentence)
    budget.press("kernel", "ArrowRight", "ArrowRight")
    budget.press("weights", "Home")
    budget.shows(refusal=str(refusal.value))
    budget.press("weights", "End")
    budget.shows(sentence=budget_answer(100_000, 7).sentence)
    budget.expect(budget.box.get_by_role("alert")).to_have_count(0)


def test_a_balance(explorer):
    balance = explorer("23_explore_balance")
    balance.press("K₁", "ArrowLeft")
    balance.shows(sentence=balance_answer(64, [2, 16]).sentence)
    balance.press("K₂", "ArrowRight")
    balance.shows(weights_per_channel=str(best_dense(64, 9, factors=2).parameters_per_channel))
    balance.press("channels", "ArrowRight")
    balance.shows(sentence=balance_answer(96, [2, 32]).sentence)


def test_a_kernel(explorer):
    kernel = explorer("24_explore_kernels")
    gabor = example_kernel("Gabor filters", 64, 3)
    kernel.write("branch widths", "16, 4")
    kernel.shows(relative_error=f"{project(gabor, igcv1(4, 16)).relative_error:.4g}")
    kernel.press("channels", "ArrowLeft")
    gabor = example_kernel("Gabor filters", 32, 3)
    kernel.shows(readout=("channels", "32"), entries_of_the_kernel=f"{gabor.size:,}")
    kernel.write("branch widths", "5, 8")
    kernel.shows(refusal="branch_widths[0]=5 does not divide channels=32")
