"""From the operators of a graph to steps: what a network writes has its channels in their order."""

import numpy as np

from igc_theory.networks.description.graph import Constant, Graph, Operation
from igc_theory.networks.paths.pair_counts import PairCounts
from igc_theory.networks.paths.translation.operators import steps_of_graph


def _graph(*operations: Operation, **shapes: tuple[int, ...]) -> Graph:
    weights = {
        name: Constant(size, "float32", frozenset({name}), lambda: None)
        for name, size in shapes.items()
        if name[0] == "w"
    }
    return Graph(operations, shapes, weights, ("x",))


def _matrix(graph: Graph) -> list[list[int]]:
    steps = steps_of_graph(graph)
    counts = steps.counts(0, steps.outputs[0])
    assert isinstance(counts, PairCounts)
    found: list[list[int]] = counts.matrix().tolist()
    return found


def test_a_shuffle_at_the_end_is_not_lost() -> None:
    shuffle = (
        Operation("Reshape", "", ("y", "s"), ("a",), {}),
        Operation("Transpose", "", ("a",), ("b",), {"perm": [0, 2, 1, 3, 4]}),
        Operation("Reshape", "", ("b", "s"), ("z",), {}),
    )
    conv = Operation("Conv", "", ("x", "w"), ("y",), {"group": 2, "kernel_shape": [3, 3]})
    square = {"x": (1, 4, 8, 8), "w": (4, 2, 3, 3), "y": (1, 4, 8, 8)}
    shapes = {**square, "a": (1, 2, 2, 8, 8), "b": (1, 2, 2, 8, 8), "z": (1, 4, 8, 8)}
    assert _matrix(_graph(conv, **square)) == np.kron(np.eye(2, dtype=int), np.ones((2, 2), dtype=int)).tolist()
    assert _matrix(_graph(conv, *shuffle, **shapes)) == [[1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1]]


def test_channels_last_are_found_by_the_transpose_that_moves_them() -> None:
    """A small image with many channels is no image with its channels last."""
    turn = Operation("Transpose", "", ("x",), ("t",), {"perm": [0, 3, 1, 2]})
    conv = Operation("Conv", "", ("t", "w"), ("y",), {"group": 4, "kernel_shape": [3, 3]})
    last = _graph(turn, conv, x=(1, 8, 8, 4), t=(1, 4, 8, 8), w=(4, 1, 3, 3), y=(1, 4, 8, 8))
    assert _matrix(last) == np.eye(4, dtype=int).tolist()
    plain = Operation("Conv", "", ("x", "w"), ("y",), {"group": 8, "kernel_shape": [3, 3]})
    small = _graph(plain, x=(1, 8, 4, 4), w=(8, 1, 3, 3), y=(1, 8, 4, 4))
    assert _matrix(small) == np.eye(8, dtype=int).tolist()


def test_an_operator_that_flow_does_not_know_is_named() -> None:
    unknown = Operation("GridSample", "", ("x", "w"), ("y",), {})
    steps = steps_of_graph(_graph(unknown, x=(1, 4, 8, 8), w=(1, 8, 8, 2), y=(1, 4, 8, 8)))
    assert str(steps.counts(0, steps.outputs[0])) == "Unknown(operator='GridSample')"


def test_a_mask_that_nobody_reads_is_not_written_by_the_network() -> None:
    """Dropout's second output would be a path around all that follows."""
    conv = {"group": 1, "kernel_shape": [3, 3]}
    operations = (
        Operation("Conv", "", ("x", "w"), ("a",), conv),
        Operation("Dropout", "", ("a",), ("b", "mask"), {}),
        Operation("Conv", "", ("b", "w"), ("y",), conv),
    )
    shapes = dict.fromkeys(("x", "a", "b", "mask", "y"), (1, 4, 8, 8))
    steps = steps_of_graph(_graph(*operations, w=(4, 4, 3, 3), **shapes))
    assert len(steps.outputs) == 1
    assert steps.depths[steps.outputs[0]] == 2
