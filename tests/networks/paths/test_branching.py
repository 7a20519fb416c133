"""Path polynomials against every path of an explicit graph, walked one by one."""

from collections import Counter
from fractions import Fraction
from functools import partial
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igc_theory.networks import (
    Block,
    Conv,
    Layer,
    LayerGraph,
    Linear,
    PathPolynomial,
    block_flows,
    network,
    path_polynomial,
    stage_path_counts,
)
from igc_theory.networks.paths.flow import flow_table
from igc_theory.structure import GroupConv

Edges = dict[int, list[tuple[int, int]]]


def _graph(nodes: tuple, edges: Edges, start: int) -> int:
    """Add the edges (target, convolutions) of nodes in series behind vertex `start`; return the last vertex."""
    for node in nodes:
        if isinstance(node, Block):
            ends = [_graph(branch, edges, start) for branch in node.branches[: 1 if node.join == "multiply" else None]]
            join = len(edges)
            edges[join] = []
            for end in ends:
                edges[end].append((join, 0))
            start = join
        elif isinstance(node, (Conv, Linear)):
            target = len(edges)
            edges[target] = []
            edges[start].append((target, 1))
            start = target
    return start


def _lengths(edges: Edges, last: int) -> Counter[int]:
    """Walk every path from vertex 0 to `last` and count its convolutions."""
    found: Counter[int] = Counter()
    stack = [(0, 0)]
    while stack:
        vertex, length = stack.pop()
        found[length] += vertex == last
        stack.extend((target, length + step) for target, step in edges[vertex])
    return +found


def _enumerated(nodes: tuple) -> Counter[int]:
    edges: Edges = {0: []}
    return _lengths(edges, _graph(nodes, edges, 0))


def _as_counter(polynomial: PathPolynomial) -> Counter[int]:
    return +Counter(dict(enumerate(polynomial.coefficients)))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("vgg11", {}),
        ("resnet18", {}),
        ("cifar_resnet", {"depth": 26}),
        ("preactivation_resnet", {"depth": 38}),
        ("fractalnet", {}),
        ("fractalnet", {"columns": 4, "widths": (8, 8)}),
        ("densenet", {"depth": 13}),
        ("igc_imagenet_l100m2", {}),
        ("mobilenet_v2", {}),
        ("shufflenet", {}),
        ("mobilenet_v3_small", {}),
        ("mobileone_s0_merged", {}),
        ("xception", {}),
        ("highway", {"depth": 12}),
        ("deeply_fused", {}),
    ],
)
def test_polynomials_count_the_paths_of_the_graph(name: str, parameters: dict) -> None:
    net = network(name, **parameters)
    assert _as_counter(path_polynomial(net)) == _enumerated(net.nodes)


def test_googlenet_is_enumerated_module_by_module() -> None:
    """262,144 paths in all: the modules one at a time, then their product."""
    blocks = network("googlenet").blocks
    for block in blocks:
        assert _enumerated((block,)) == Counter({1: 2, 2: 2})
    assert path_polynomial("googlenet") == PathPolynomial.plain(4) * PathPolynomial((0, 2, 2)) ** 9


@given(st.integers(0, 6), st.integers(1, 3))
def test_residual_blocks_are_binomial(blocks: int, convolutions: int) -> None:
    expected = {convolutions * k: comb(blocks, k) for k in range(blocks + 1)}
    if blocks == 0:
        with pytest.raises(ValueError, match="blocks"):
            PathPolynomial.residual(blocks, convolutions)
    else:
        assert _as_counter(PathPolynomial.residual(blocks, convolutions)) == Counter(expected)


@pytest.mark.parametrize(("columns", "paths"), [(1, 1), (2, 2), (3, 5), (4, 26), (5, 677)])
def test_fractal_path_numbers(columns: int, paths: int) -> None:
    """p ↦ p² + 1, and the longest path doubles with every column."""
    assert PathPolynomial.fractal(columns).paths == paths
    assert PathPolynomial.fractal(columns).longest == 2 ** (columns - 1)
    assert PathPolynomial.fractal(columns).shortest == 1


def test_fractalnet_is_five_fractals_and_a_classifier() -> None:
    assert path_polynomial("fractalnet") == PathPolynomial.fractal(3, blocks=5) * PathPolynomial.plain(1)


def test_cifar_resnet_is_the_residual_formula_and_imagenet_resnet_is_not() -> None:
    """Identities only on CIFAR; on ImageNet four shortcuts are projections, one convolution each."""
    assert path_polynomial("cifar_resnet110") == PathPolynomial.residual(54) * PathPolynomial.plain(2)
    x = PathPolynomial.plain(1)
    assert path_polynomial("resnet50") == x**2 * (1 + x**3) ** 12 * (x + x**3) ** 4


def test_highway_and_deeply_fused_by_hand() -> None:
    assert path_polynomial("highway19") == PathPolynomial.plain(2) * PathPolynomial.highway(17)
    assert path_polynomial("deeply_fused") == PathPolynomial.plain(1) * PathPolynomial.deeply_fused(
        [(5, 2), (4, 1), (4, 1)]
    )
    assert _as_counter(path_polynomial("deeply_fused")) == Counter({5: 1, 8: 3, 11: 3, 14: 1})
    assert _as_counter(PathPolynomial.deeply_fused([(3, 1, 1), (2,)])) == Counter({5: 1, 3: 2})


polynomials = st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(lambda c: c[-1] > 0).map(tuple)


@given(polynomials, polynomials, st.integers(1, 5))
def test_arithmetic_is_that_of_polynomials(first: tuple[int, ...], second: tuple[int, ...], x: int) -> None:
    p, q = PathPolynomial(first), PathPolynomial(second)

    def at(poly: PathPolynomial) -> int:
        return sum(value * x**k for k, value in enumerate(poly.coefficients))

    assert at(p + q) == at(p) + at(q)
    assert at(p * q) == at(p) * at(q)
    assert at(p**3) == at(p) ** 3


@given(polynomials, st.integers(1, 8))
def test_statistics_are_those_of_the_list_of_paths(coefficients: tuple[int, ...], denominator: int) -> None:
    p, r = PathPolynomial(coefficients), Fraction(1, denominator)
    lengths = [k for k, value in enumerate(coefficients) for _ in range(value)]
    assert (p.paths, p.shortest, p.longest) == (len(lengths), min(lengths), max(lengths))
    assert p.mean == Fraction(sum(lengths), len(lengths))
    assert sum(p.distribution) == 1
    assert p.effective_depth(r) == sum(k * r**k for k in lengths) / sum(r**k for k in lengths)
    low, high = p.central(Fraction(1, 2))
    outside = sum(k < low for k in lengths), sum(k > high for k in lengths)
    assert max(outside) <= len(lengths) / 4
    assert sum(low <= k <= high for k in lengths) * 2 >= len(lengths)


def test_veit_2016_most_paths_of_54_blocks_have_19_to_35() -> None:
    shares = PathPolynomial.residual(54, convolutions=1).distribution
    assert sum(shares[19:36]) > Fraction(95, 100)


def test_counts_are_exact_beyond_floating_point() -> None:
    assert path_polynomial("preactivation_resnet1001").paths == 2**333
    assert isinstance(path_polynomial("cifar_resnet1202").coefficients[600], int)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: path_polynomial("resnet5"), "did you mean"),
        (lambda: PathPolynomial((1, 0)), "trailing zeros"),
        (lambda: PathPolynomial((-1,)), "below 0"),
        (lambda: PathPolynomial.plain(0), "layers=0"),
        (lambda: PathPolynomial.deeply_fused([]), "base network"),
        (lambda: PathPolynomial.residual(3).effective_depth(0), "not above 0"),
        (lambda: PathPolynomial.residual(3).central(0), "share=0"),
        (lambda: PathPolynomial.fractal(0), "columns=0"),
    ],
)
def test_bad_input_says_the_way_out(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6).filter(lambda c: c[-1]), st.fractions(Fraction(1, 20), 1))
def test_central_lengths_leave_out_as_many_below_as_above(coefficients: list[int], share: Fraction) -> None:
    """List every path by its length: at most (1 - share)/2 of them may be left out on either side."""
    polynomial = PathPolynomial(tuple(coefficients))
    lengths = sorted(k for k, paths in enumerate(coefficients) for _ in range(paths))
    left_out = int((1 - share) / 2 * len(lengths))
    assert polynomial.central(share) == (lengths[left_out], lengths[-1 - left_out])


def test_layers_without_nodes_and_without_a_graph_are_not_taken_for_a_series() -> None:
    shape, layer = (4, 8, 8), Conv(GroupConv(4, 4))
    graph = LayerGraph("read", shape, (Layer("conv", layer, shape, shape),), 1)
    for question in (path_polynomial, block_flows, flow_table, partial(stage_path_counts, stage="stage1")):
        with pytest.raises(TypeError, match="'read' has layers alone, without the graph that joins them"):
            question(graph)
        with pytest.raises(TypeError, match="is a list"):
            question([3])
