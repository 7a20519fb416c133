"""A graph as layers: each operator in order, what it is and what it costs, and every stored number counted once."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from igc_theory.networks.description.graph import Graph, Operation
from igc_theory.networks.description.layer_graph import Layer, LayerGraph, PassedOver
from igc_theory.networks.description.layers import Counts, Operator
from igc_theory.networks.readers.operators import arithmetic, channels, contractions, convolutions
from igc_theory.networks.readers.operators.numbers import Ledger, Use, is_real, is_whole
from igc_theory.networks.readers.operators.quantized import plain
from igc_theory.networks.readers.operators.walk import Draft, Walk

__all__ = ["layer_graph"]

UNREAD = "no operator reads these numbers"

Rule = Callable[[Walk, Operation], None]


def layer_graph(
    graph: Graph, *, name: str, input_shape: tuple[int, ...], source: str = "", open_sides: bool = False
) -> LayerGraph:
    """Return the layers of a graph, what they cost for one image, and what is passed over.

    Parameters
    ----------
    graph : Graph
        What a file or a module was read into.
    name : str
    input_shape : tuple of int
        Of one image, as people give it.
    source : str
        What was read.
    open_sides : bool, default False
        Whether the size of the image was chosen when reading.

    Returns
    -------
    LayerGraph
        Every operator that holds numbers or does multiply–adds is among its layers or in `passed_over`.
    """
    walk = _walked(graph)
    ledger = Ledger(graph, [use for draft in walk.drafts for use in draft.cost.uses])
    layers = [_layer(draft, ledger) for draft in walk.drafts]
    passed_over = [_passed_over(walk, ledger, *entry) for entry in walk.passed_over]
    further = ledger.entry(Use("buffers", constant) for constant in walk.settings)[2]
    layers += _of_no_layer(graph, ledger) if graph.known_parameters else []
    passed_over += [] if graph.known_parameters else _unread(graph, ledger)
    passed_over += [PassedOver(*note) for note in graph.notes]
    return LayerGraph(
        name=name,
        input_shape=input_shape,
        layers=tuple(layers),
        depth=max(walk.depth.values(), default=0),
        source=source,
        passed_over=tuple(passed_over),
        open_sides=open_sides,
        graph=graph,
        further_buffers=further,
    )


def _walked(graph: Graph) -> Walk:
    """Go through a graph in order of execution."""
    walk = Walk(graph, depth=dict.fromkeys(graph.inputs, 0))
    for written in graph.operations:
        operation, settings = plain(written)
        depth = max((walk.depth.get(name, 0) for name in operation.inputs), default=0)
        walk.depth.update(dict.fromkeys(operation.outputs, depth))
        walk.settings += [constant for constant in settings if walk.is_constant(constant)]
        if graph.known_parameters:
            walk.settings += [constant for constant in operation.inputs if walk.is_constant(constant)]
        if not walk.done.issuperset(operation.outputs):
            _RULES.get(operation.operator, arithmetic.weightless)(walk, operation)
    return walk


def _layer(draft: Draft, ledger: Ledger) -> Layer:
    held, shared, buffers = ledger.entry(draft.cost.uses)
    return Layer(
        draft.name,
        draft.node,
        draft.input_shape,
        draft.output_shape,
        draft.cost.weight,
        draft.follows,
        dilation=draft.dilation,
        held=held,
        shared=shared,
        buffers=buffers,
        products=draft.cost.products,
        activation_multiply_adds=draft.cost.of_activations,
    )


def _passed_over(walk: Walk, ledger: Ledger, operation: Operation, reason: str, constants: list[str]) -> PassedOver:
    lists = [value for value in operation.attributes.values() if isinstance(value, (list, tuple))]
    attributes = sum(len(value) for value in lists if value and isinstance(value[0], float))
    return PassedOver(walk.name(operation), operation.operator, reason, ledger.left(constants) + attributes)


def _of_no_layer(graph: Graph, ledger: Ledger) -> list[Layer]:
    """Return the parameters of a module that no layer uses, each as a row of the table."""
    left = {name: array.shape for name, array in graph.stored.items() if array.trained and name not in ledger.counted}
    node = Operator("parameter of no layer")
    return [Layer(name, node, shape, shape, held=Counts(bias=prod(shape)), products=0) for name, shape in left.items()]


def _unread(graph: Graph, ledger: Ledger) -> list[PassedOver]:
    """Return the arrays of real numbers of a file that nothing reads."""
    inputs = {name for operation in graph.operations for name in operation.inputs}
    used = (
        constant.origins
        for name, constant in graph.constants.items()
        if name in inputs or len(constant.origins) != 1 or not is_whole(constant, graph.stored[min(constant.origins)])
    )
    read = ledger.counted.union(*used)
    left = {name: array for name, array in graph.stored.items() if name not in read and array.trained}
    sizes = {name: prod(array.shape) for name, array in left.items() if is_real(array.dtype)}
    return [PassedOver(name, "stored numbers", UNREAD, size) for name, size in sizes.items() if size > 1]


_RULES: dict[str, Rule] = {
    "Conv": convolutions.convolution,
    "DeformConv": convolutions.convolution,
    "ConvTranspose": convolutions.transposed_convolution,
    "Gemm": contractions.matmul,
    "MatMul": contractions.matmul,
    "Einsum": contractions.einsum,
    "Attention": contractions.attention,
    "MultiHeadAttention": contractions.attention,
    "GroupQueryAttention": contractions.attention,
    "ProjectedAttention": contractions.projected_attention,
    "MatMulNBits": contractions.packed_matmul,
    "EmbedLayerNormalization": arithmetic.tables,
    **dict.fromkeys(("RNN", "GRU", "LSTM"), contractions.recurrent),
    **dict.fromkeys(convolutions.NORMS, convolutions.norm),
    "BatchNormalization": convolutions.batch_norm,
    **dict.fromkeys(convolutions.POOLS, convolutions.pool),
    "Add": arithmetic.addition,
    "Sub": arithmetic.addition,
    "Mul": arithmetic.multiplication,
    "Div": arithmetic.multiplication,
    "PRelu": arithmetic.slopes,
    "Gather": channels.gather,
    "Slice": channels.slice_,
    "Split": channels.split,
    "Concat": channels.concatenate,
    "Transpose": channels.transpose,
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), channels.reshape),
}
"""What is done with an operator; all others have nothing to count, or are passed over."""
