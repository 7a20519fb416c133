"""The pages of the site that answer: by keyboard, on three screens, in both themes, with the library's own answers."""

import itertools
import re

import pytest

from figures.six_ways import MATRIX, WAYS
from igc_theory.budget.curves.tradeoffs import width_against_parameters
from igc_theory.structure import interleaved, path_counts
from igc_theory.views.explorers.balance import balance_answer
from igc_theory.views.explorers.blocks import block_answer
from igc_theory.views.explorers.budgets import budget_answer
from igc_theory.views.plots.style import SIGNED
from website.pages import LIVE
from website.redundancy import hidden_blocks

pytestmark = pytest.mark.xdist_group("site")


@pytest.fixture
def plain(visit, untypeset):
    """A function that opens a page without typesetting its formulas, which takes longer than all else."""
    untypeset()
    return visit


REACHABLE = """() => new Set([...document.querySelectorAll("main :is(a[href], button, input, select, summary)")]
  .filter(node => node.offsetParent && !node.disabled).map(node => node.type === "radio" ? node.name : node)).size"""

FOCUSED = """() => { const node = document.activeElement
  if (!node.closest("main")) return null
  return node.type === "radio" ? node.name : [...document.querySelectorAll("*")].indexOf(node) }"""


@pytest.mark.parametrize("name", [*LIVE, "index", "figures", "06_check_complementary_conditions"])
def test_the_tab_key_reaches_every_control(plain, name):
    page = plain(f"{name}.html")
    wanted, reached = page.evaluate(REACHABLE), set()
    for _ in range(wanted + 15):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(FOCUSED))
    # Containers that scroll are reached as well.
    assert len(reached - {None}) >= wanted


# Boxes of letters are some pixels larger than what is drawn.
CUT = """() => [...document.querySelectorAll("svg.drawing text")].filter(text => {
  const box = text.getBoundingClientRect(), drawn = text.ownerSVGElement.getBoundingClientRect()
  return box.width > 0 && (box.left < drawn.left - 3 || box.right > drawn.right + 3) }).map(text => text.textContent)"""


@pytest.mark.parametrize("name", LIVE)
def test_no_text_leaves_its_drawing(plain, name):
    page = plain(f"{name}.html")
    for key in ("", "Home", "End"):
        for slider in page.locator("main input[type=range]").all() if key else []:
            slider.press(key)
        page.wait_for_timeout(100)
        assert page.evaluate(CUT) == []


def facts(page):
    return dict(
        zip(page.locator("#facts th").all_inner_texts(), page.locator("#facts td").all_inner_texts(), strict=True)
    )


def typed(page, **numbers):
    for label, number in numbers.items():
        page.locator(f"#set-{label}").fill(str(number))


@pytest.mark.parametrize(("L", "M", "permuted"), [(3, 5, True), (16, 16, True), (4, 3, False)])
def test_a_block_gets_the_librarys_answer(plain, L, M, permuted):
    page = plain("explore_block.html")
    typed(page, L=L, M=M)
    page.get_by_label("interleave").set_checked(permuted)
    answer = block_answer(L, M, 3, permuted)
    assert page.locator("#sentence").inner_text() == answer.sentence
    assert facts(page)["weights"] == f"{answer.facts['weights']:,}"


@pytest.mark.parametrize("name", [name for name in LIVE if name.startswith("explore_")])
def test_every_choice_that_a_page_offers_can_be_made(plain, name):
    """Names of choices hold commas, which are taken out of numbers only; an error in the page fails the test."""
    page = plain(f"{name}.html")
    for control in page.evaluate("tables.controls.filter(one => one.kind === 'choice')"):
        box = page.locator(f"#set-{control['name']}")
        for k in range(box.locator("option").count()):
            wanted = box.locator("option").nth(k).get_attribute("value")
            box.select_option(index=k)
            assert box.input_value() == wanted
            assert wanted in page.evaluate("key()").split("|")
            assert page.locator("#sentence").inner_text() == page.evaluate("tables.answers[key()][0]")


def test_a_number_that_no_table_has_is_answered_by_its_rule(plain):
    page = plain("explore_block.html")
    for number, rule in (("0", "use 1 to 16"), ("17", "use 1 to 16"), ("abc", "is not a whole number")):
        typed(page, L=number)
        assert rule in page.locator("#sentence").inner_text()
        assert page.locator("#picture svg").count() == page.locator("#facts tr").count() == 0
        assert page.locator("#set-L").get_attribute("aria-invalid") == "true"
    page = plain("explore_balance.html")
    typed(page, K1=5)
    assert "use one of 1, 2, 4, 8, 16, 32, 64" in page.locator("#sentence").inner_text()
    page = plain("explore_budget.html")
    typed(page, budget=4700)
    assert "use 4,672 or 5,000" in page.locator("#sentence").inner_text()


def test_widths_and_budgets_get_the_librarys_answers(plain):
    page = plain("explore_balance.html")
    typed(page, K1=1, K2=8, K3=8)
    assert page.locator("#sentence").inner_text() == balance_answer(64, [1, 8, 8]).sentence
    page = plain("explore_budget.html")
    typed(page, budget="17,536")
    answer = budget_answer(17536)
    assert page.locator("#sentence").inner_text() == answer.sentence
    rows = [row.locator("td").all_inner_texts() for row in page.locator("#picture tr").all()[1:]]
    assert [row[1] for row in rows] == [f"{channels:,}" for channels in answer.table.columns["channels"]]


def test_the_lines_of_the_budget_page_are_named_in_their_order(plain):
    page = plain("explore_budget.html")
    for side in (1, 3, 5):
        page.get_by_label("kernel").select_option(label=f"{side}×{side}")
        columns = width_against_parameters([100_000], side**2)
        widths = dict(zip(columns["series"].tolist(), columns["width"].tolist(), strict=True))
        order = sorted((name for name in widths if "integer" not in name), key=widths.get, reverse=True)
        assert f"from the top: {'; '.join(order)}. The first" in page.locator("#lines").inner_text()
        assert order[0] == "continuous optimum"


def test_positive_weights_are_orange_and_negative_ones_blue_as_in_the_figures(plain):
    page = plain("redundancy.html")
    fills = (
        page.locator("#ways figure")
        .first.locator("rect")
        .evaluate_all("cells => cells.map(cell => getComputedStyle(cell).fill)")
    )
    assert len(set(fills)) == 2
    assert len({(fill, value > 0) for fill, value in zip(fills, MATRIX.ravel(), strict=True)}) == 2
    red, _, blue = map(int, re.findall(r"\d+", fills[0])[:3])
    assert red > blue
    assert SIGNED(1.0)[0] > SIGNED(1.0)[2]
    assert "Orange is positive, blue negative" in page.locator("main p").first.inner_text()


def test_walking_back_stretches_the_arc_until_it_covers_the_inputs(plain):
    page = plain("interleaving.html")
    for chain, widths in enumerate(((2, 2, 2), (2, 2, 3), (2, 2, 4), (2, 2, 6))):
        page.locator("#chains input").nth(chain).check()
        expected = path_counts(interleaved(12, widths, kernel_size=1))[5]
        span = f"{min(expected)} to {max(expected)}" if len(set(expected)) > 1 else f"{expected[0]}"
        assert f"Every input has {span} path" in page.locator("#state").inner_text()
        lengths = []
        while page.locator("#forward").is_enabled():
            lengths.append(int(page.locator("#circle svg").get_attribute("aria-label").split()[0]))
            page.locator("#forward").press("Enter")
        assert [length for length, _ in itertools.groupby(lengths)] == [sum(expected), *(widths[2] * w for w in (2, 1))]
    page.get_by_label("interleave").uncheck()
    assert "0 to" in page.locator("#state").inner_text()


def test_a_row_of_the_map_is_chosen_by_pointing_at_it(plain):
    page = plain("interleaving.html")
    page.locator("#map g").nth(9).hover()
    assert page.locator("#output-value").inner_text() == "9"


def test_bars_keep_their_product_and_bets_are_settled(plain):
    page = plain("balance.html")
    page.get_by_label("2 · 8 · 9").check()
    assert page.locator("#bet").inner_text().startswith("Lost: the cheapest is 1 · 12 · 12, 33 weights per channel.")
    page.get_by_label("1 · 12 · 12").check()
    assert page.locator("#bet").inner_text().startswith("Won")
    for slider, key in itertools.product(range(3), ("ArrowRight", "End", "ArrowLeft", "Home")):
        page.locator("#sliders input").nth(slider).press(key)
        K1, K2, K3 = map(int, page.locator("#cost").inner_text().partition(":")[0].split(" · "))
        assert K1 * K2 * K3 == 144
        assert f"= {9 * K1 + K2 + K3} weights" in page.locator("#cost").inner_text()


def test_a_bar_is_dragged(plain):
    page = plain("balance.html")
    bar = page.locator(".pull").first
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.75, steps=4)
    page.mouse.up()
    assert page.locator("#cost").inner_text().startswith("1 · ")


def test_the_cost_moves_the_points(plain):
    page = plain("redundancy.html")

    def shown():
        return page.locator(".point.lit").first.get_attribute("style"), page.locator("#word").inner_text()

    place, sentence = shown()
    page.get_by_label("operations per weight").check()
    assert shown()[0] != place
    assert shown()[1] != sentence


def test_channels_slide_until_the_blocks_stand_on_the_diagonal(plain):
    page = plain("redundancy.html")
    hidden = hidden_blocks()
    before = page.locator("#hidden .answer").inner_text()
    page.get_by_role("button", name="Slide the channels").press("Enter")
    assert before != page.locator("#hidden .answer").inner_text()
    page.wait_for_timeout(700)
    sides = len(hidden["matrix"]) // hidden["branches"]
    styles = [cell.get_attribute("style") for cell in page.locator("#hidden g").all()]
    moved = [[int(number) // 24 for number in re.findall(r"(\d+)px", style)] for style in styles]
    weights = dict(zip(map(tuple, moved), itertools.chain(*hidden["matrix"]), strict=True))
    inside = sum(value**2 for (x, y), value in weights.items() if x // sides == y // sides)
    whole = sum(value**2 for value in weights.values())
    assert (1 - inside / whole) ** 0.5 == pytest.approx(hidden["found"], abs=1e-3)


def test_the_small_matrix_is_shown_in_every_way(plain):
    page = plain("redundancy.html")
    captions = page.locator("#ways figcaption").all_inner_texts()
    assert [text.splitlines()[0] for text in captions] == ["as it is", *WAYS]
    for text, way in zip(captions[1:], WAYS.values(), strict=True):
        found = way(MATRIX, 4)
        assert f"{found.storage_bits} bits, error {found.relative_error:.2f}" in text
