"""What a chain, a product's layers or a whole network take on a machine, predicted from its table."""

from __future__ import annotations

import os
from math import prod

from igc_theory.budget.latency import SHUFFLE, Latency, LatencyTable, Work, chain_latency, predicted
from igc_theory.networks.description.layer import Layer
from igc_theory.networks.description.layer_graph import LayerGraph, network_of
from igc_theory.networks.description.layers import Conv, Linear, Shuffle
from igc_theory.networks.timing.tables import known_table
from igc_theory.structure.chains import Chain

__all__ = ["latency"]

Table = LatencyTable | str | os.PathLike[str] | None


def latency(
    chain_or_network: Chain | LayerGraph, table: Table = None, *, height: int | None = None, width: int | None = None
) -> Latency:
    """Return how long a chain or a network takes for one image on a machine, with the error that the machine's table had.

    Parameters
    ----------
    chain_or_network : Chain or LayerGraph
        A network knows the sizes of its images.
    table : LatencyTable, str or path-like, optional
        What `measure` returned, or its file; by default the table that comes with the library, of another machine perhaps.
    height, width : int, optional
        Of the image that a chain reads; the width is the height if it is not given.

    Returns
    -------
    Latency
        Of a network the convolutions, linear layers and channel shuffles; `passed_over` counts the other layers.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind, a chain comes without a size, or a network with one.

    Examples
    --------
    >>> from igc_theory.networks import network
    >>> from igc_theory.structure import igcv2, regular
    >>> times = [latency(chain, height=14) for chain in (regular(576, 576), igcv2([1, 24, 24]), igcv2([1, 3, 3, 4, 4, 4]))]
    >>> [times[0].milliseconds > 5 * time.milliseconds for time in times[1:]]
    [True, True]
    >>> latency(network("resnet18")).passed_over
    2
    """
    known = known_table(table)
    if isinstance(chain_or_network, Chain):
        if height is None:
            raise ValueError(
                "height=None, but a chain does not know the size of its image: give height=14, for example"
            )
        return chain_latency(chain_or_network, known, height, height if width is None else width)
    layers = network_of("chain_or_network", chain_or_network, "a Chain, or ").layers
    if height is not None or width is not None:
        raise ValueError(f"height={height} and width={width} go with a chain: a network knows the size of its images")
    works = [_layer_work(layer) for layer in layers]
    return predicted([work for work in works if work is not None], known, works.count(None))


def _layer_work(layer: Layer) -> Work | None:
    """Return what a layer of a network does for one image; None if layers of its kind are not timed.

    Examples
    --------
    >>> from igc_theory.networks import network
    >>> _layer_work(network("resnet18").layers[0])
    Work(kind='regular', branches=1, multiply_adds=118013952, read=150528, written=802816)
    """
    read, written = prod(layer.input_shape), prod(layer.output_shape)
    match layer.node:
        case Conv(convolution=conv):
            return Work(conv.kind, conv.groups, layer.multiply_adds, read, written)
        case Linear():
            return Work("pointwise", 1, layer.multiply_adds, read, written)
        case Shuffle():
            return Work(SHUFFLE, 1, 0, read, written)
    return None
