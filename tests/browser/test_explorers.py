"""The explorers in JupyterLab: controls are moved by keyboard, and what is then shown is what the library says."""

from __future__ import annotations

import pytest

from igc_theory.budget import best_dense, widest_dense, widest_strict
from igc_theory.kernels import project
from igc_theory.structure import explain_complementarity, igcv1, interleaved
from igc_theory.views.explorers.balance import balance_answer
from igc_theory.views.explorers.blocks import block_answer
from igc_theory.views.explorers.kernels import _example
from igc_theory.views.explorers.paths import paths_answer

pytestmark = pytest.mark.xdist_group("browser")


class Explorer:
    """The controls of an explorer on the screen, and what is below them."""

    def __init__(self, opened):
        self.opened = opened
        opened.run_all()
        assert opened.problems() == []
        self.box = opened.cells.locator(".jp-OutputArea-output .jupyter-widgets.widget-vbox").first
        self.picture = self.box.locator("img")
        self.picture.wait_for()

    def control(self, label):
        return self.box.locator(".widget-inline-hbox", has=self.box.page.get_by_text(label, exact=True))

    def press(self, label, *keys):
        """Give a slider the focus, press keys on it, and wait until the answer is another one."""
        before = self.picture_source()
        handle = self.control(label).get_by_role("slider")
        handle.focus()
        for key in keys:
            handle.press(key)
        self.wait_for_another(before)

    def picture_source(self):
        return self.picture.get_attribute("src") if self.picture.count() else ""

    def wait_for_another(self, before):
        self.box.page.wait_for_function(
            "([box, before]) => (box.querySelector('img')?.getAttribute('src') ?? '') !== before",
            arg=[self.box.element_handle(), before],
        )
        self.opened.wait_until_idle()

    def fact(self, name):
        row = self.box.locator("tr", has=self.box.page.get_by_role("rowheader", name=name, exact=True))
        return row.locator("td").inner_text()

    def sentence(self):
        return self.box.locator("p").first.inner_text()


@pytest.fixture
def explorer(notebook):
    return lambda name: Explorer(notebook(name))


def test_a_block(explorer):
    block = explorer("20_explore_blocks")
    assert block.fact("weights") == f"{igcv1(4, 3).parameters:,}"
    block.press("L, partitions", "ArrowRight", "ArrowRight")
    assert block.control("L, partitions").locator(".widget-readout").inner_text() == "6"
    assert block.fact("weights") == f"{igcv1(6, 3).parameters:,}"
    assert block.sentence() == explain_complementarity(igcv1(6, 3)).sentence
    before = block.picture_source()
    block.box.get_by_role("checkbox").press("Space")
    block.wait_for_another(before)
    assert block.sentence() == block_answer(6, 3, permuted=False).sentence
    assert "no path" in block.sentence()


def test_paths(explorer):
    paths = explorer("21_explore_paths")
    before = paths.picture_source()
    paths.box.get_by_role("combobox").select_option("interleaved, 12: 1 × 4 × 4")
    paths.wait_for_another(before)
    paths.press("output channel", "End")
    answer = paths_answer(interleaved(12, [1, 4, 4]), output=11)
    assert paths.sentence() == answer.sentence
    assert [paths.fact(name) for name in answer.facts] == [str(number) for number in answer.facts.values()]


def test_a_budget(explorer):
    budget = explorer("22_explore_budgets")
    budget.press("weights", "ArrowRight")
    assert budget.control("weights").locator(".widget-readout").inner_text() == "5,000"
    row = budget.box.locator("tr", has=budget.box.page.get_by_role("cell", name="dense", exact=True))
    assert row.locator("td").nth(1).inner_text() == f"{widest_dense(5000, 9).channels:,}"


def test_a_budget_that_pays_for_nothing_is_answered_with_the_sentence_of_the_library(explorer):
    budget = explorer("22_explore_budgets")
    before = budget.picture_source()
    budget.box.get_by_role("combobox").select_option("7×7")
    budget.wait_for_another(before)
    budget.press("weights", "Home")
    with pytest.raises(ValueError, match="budget=10") as refusal:
        widest_strict(10, 49)
    alert = budget.box.get_by_role("alert")
    assert alert.inner_text() == str(refusal.value)
    budget.press("weights", "End")
    assert alert.count() == 0


def test_a_balance(explorer):
    balance = explorer("23_explore_balance")
    balance.press("K₁", "ArrowLeft")
    answer = balance_answer(64, [2, 16])
    assert balance.sentence() == answer.sentence
    assert "no path" in balance.sentence()
    balance.press("K₂", "ArrowRight")
    assert balance.fact("weights a channel") == str(best_dense(64, 9, factors=2).parameters_per_channel)
    balance.press("channels", "ArrowRight")
    assert balance.sentence() == balance_answer(96, [2, 32]).sentence


def test_a_kernel(explorer):
    kernel = explorer("24_explore_kernels")
    field = kernel.control("branch widths").get_by_role("textbox")
    before = kernel.picture_source()
    field.fill("16, 4")
    field.press("Enter")
    kernel.wait_for_another(before)
    expected = project(_example("Gabor filters", 64, 3), igcv1(4, 16)).relative_error
    assert kernel.fact("relative error") == f"{expected:.4g}"
    kernel.press("noise, percent", "PageUp")
    assert float(kernel.fact("relative error")) > expected
    before = kernel.picture_source()
    field.fill("5, 8")
    field.press("Enter")
    kernel.wait_for_another(before)
    assert "branch_widths[0]=5 does not divide channels=64" in kernel.box.get_by_role("alert").inner_text()
