"""Counters of other tools: what they say of a network is explained by what they count."""

from math import prod

import pytest

from igc_theory.networks import Conv, Pool, network
from igc_theory.networks.printed.counters import PRINTED, counters_table, other_counters
from igc_theory.networks.printed.recount import gives, recount
from igc_theory.views.tables import to_markdown
from tools.files import update_section
from tools.other_counters import MODULES


def said(name: str, tool: str) -> int:
    return next(count for counter, count in other_counters()[name].items() if counter.startswith(f"{tool} "))


@pytest.mark.parametrize("name", PRINTED)
def test_torch_sees_two_operations_for_every_multiply_add(name: str) -> None:
    """Its counter looks at the operators that run, not at modules: an independent count of the same network."""
    assert said(name, "torch") == 2 * network(name).multiply_adds


@pytest.mark.parametrize("name", PRINTED)
def test_torchinfo_adds_every_scale_shift_and_bias_once(name: str) -> None:
    net = network(name)
    assert said(name, "torchinfo") == net.multiply_adds + net.counts.batch_norm + net.counts.bias


@pytest.mark.parametrize("name", PRINTED)
def test_fvcore_and_thop_take_two_and_four_operations_for_a_normalised_activation(name: str) -> None:
    """Beside them there is nothing but pooling, where it is a module or an operator that they know."""
    net = network(name)
    pools = [layer for layer in net.layers if isinstance(layer.node, Pool)]
    normalised = sum(
        layer.activations for layer in net.layers if isinstance(layer.node, Conv) and layer.node.batch_norm
    )
    assert said(name, "fvcore") - net.multiply_adds - 2 * normalised in (0, prod(pools[-1].input_shape))
    assert 0 <= said(name, "thop") - net.multiply_adds - 4 * normalised < sum(prod(pool.input_shape) for pool in pools)


def test_every_network_of_the_table_was_counted_by_the_same_tools() -> None:
    assert set(PRINTED) == set(MODULES) == set(other_counters())
    assert len({tuple(counts) for counts in other_counters().values()}) == 1


def test_no_counter_gives_what_is_printed_of_the_shufflenets() -> None:
    columns = counters_table().columns
    ticked = {
        name: [tool.split()[0] for tool, cell in zip(columns["multiply–adds"], column, strict=True) if "✓" in cell]
        for name, column in columns.items()
    }
    assert ticked["shufflenet"] == ticked["shufflenet_v2_x1.0"] == []
    assert ticked["mobilenet_v2"] == ["igc_theory", "torchinfo"]


@pytest.mark.parametrize(
    ("count", "way"),
    [(8_610_000, "rounded"), (8_614_999, "rounded"), (8_615_000, "cut off"), (8_620_000, ""), (8_604_999, "")],
)
def test_digits_are_given_by_rounding_or_by_cutting_off(count: int, way: str) -> None:
    figure = recount("igcv1-imagenet")[-2]
    assert figure.printed == "8.61"
    assert gives(figure, count) == way


def test_the_table_of_the_readme_is_up_to_date() -> None:
    assert update_section("counters", to_markdown(counters_table()), check=True) == []
