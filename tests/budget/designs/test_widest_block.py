"""The widest block of a budget, against the best block of every width."""

from fractions import Fraction

import pytest

from igc_theory.budget import best_block, widest_dense, widest_strict
from igc_theory.budget.designs.widest_block import widest_block

LIMITS = [
    (1, 3, {}),
    (1, 3, {"paths": "strict"}),
    (2, 3, {}),
    (Fraction(1, 2), (1, 2), {"paths": "strict"}),
    (Fraction(3, 2), 1, {"multiple_of": 4}),
    (2, 2, {"multiple_of": 6, "min_width": 2}),
    (3, 1, {"max_factors": 2}),
]


@pytest.mark.parametrize(("ratio", "window", "limits"), LIMITS)
def test_no_wider_layer_is_within_the_budget(ratio, window, limits) -> None:
    share, step = Fraction(ratio), limits.get("multiple_of", 1)
    weights = {}
    for t in range(1, 41):
        into, out = share.denominator * t, share.numerator * t
        if into % step == out % step == 0 and min(into, out) >= limits.get("min_width", 1):
            weights[into] = best_block(into, out, window, **limits).parameters
    reached = max(weights)
    # Beyond the widths that were tried every layer has as many weights as the narrower side, times the window or two.
    enough = min(cost for into, cost in weights.items() if into > reached // 2)
    for budget in sorted({*weights.values(), *(cost - 1 for cost in weights.values())}):
        fitting = [into for into, cost in weights.items() if cost <= budget]
        if not fitting:
            with pytest.raises(ValueError, match=r"pays for no .* suffices"):
                widest_block(budget, window, ratio=ratio, **limits)
        elif budget < enough:
            found = widest_block(budget, window, ratio=ratio, **limits)
            assert (found.channels, found.parameters) == (max(fitting), weights[max(fitting)]), budget
            assert found.chain.out_channels == found.channels * share


@pytest.mark.parametrize("budget", [100, 999, 4672, 17_536, 100_000])
def test_between_equal_channels_it_is_the_widest_design(budget: int) -> None:
    for paths, widest in (("dense", widest_dense), ("strict", widest_strict)):
        assert widest_block(budget, paths=paths).channels == widest(budget, 9).channels


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: widest_block(8), "budget=8 pays for no dense block with ratio=1, kernel_size=3: budget=9 suffices"),
        (lambda: widest_block(0), "budget=0"),
        (lambda: widest_block(10**9), "budget=1000000000 is above 100000000"),
        (lambda: widest_block(10**8), "may pay for more than 1048576 channels"),
        (lambda: widest_block(10**6, ratio=2), r"numbers of channels between .*: use multiple_of=\d+ or more"),
        (lambda: widest_block(100, ratio=1.5), r"ratio=1.5 is a float: give an int or a Fraction"),
        (lambda: widest_block(100, ratio=Fraction(-1, 2)), "ratio=-1/2"),
        (lambda: widest_block(100, ratio=0), "ratio=0"),
        (lambda: widest_block(100, paths="loose"), "paths='loose'"),
        (lambda: widest_block(100, multiple_of=0), "multiple_of=0"),
    ],
)
def test_refusals(call, sentence: str) -> None:
    with pytest.raises((TypeError, ValueError), match=sentence):
        call()
