r"""Paths by length: the generating function of an architecture.

:math:`F(x) = \sum_k a_k x^k`, where :math:`a_k` is the number of ways from the input to the output through k convolutions. A
convolution is x, the identity 1; in series polynomials multiply, side by side they add. So a plain stack is :math:`x^n`, n residual
blocks of b convolutions are :math:`(1 + x^b)^n`, and FractalNet follows :math:`F_{c+1} = F_c^2 + x`.
"""

from __future__ import annotations

from math import prod

from igc_theory.networks.description.layers import Conv, Linear
from igc_theory.networks.description.network import Network, in_series
from igc_theory.networks.description.nodes import Block, Node
from igc_theory.networks.paths.path_polynomials import PathPolynomial
from igc_theory.networks.zoo.catalogue import network

__all__ = ["path_polynomial"]

_ONE, _X = PathPolynomial((1,)), PathPolynomial((0, 1))


def path_polynomial(name: str | Network) -> PathPolynomial:
    """Return the paths of a network by length: through k convolutions (and linear layers), from input to output.

    Parameters
    ----------
    name : str or Network
        A name of `network_names`, or a network.

    Returns
    -------
    PathPolynomial
        Exact. Gates are taken to be open, and are no paths of their own. A shortcut with a projection counts as one convolution, so
        that a ResNet's polynomial is :math:`(1 + x^b)^n` only where all shortcuts are identities.

    Raises
    ------
    TypeError
        If `name` is a network that was read, whose nodes do not stand in series, or something else.
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> path_polynomial("vgg16")
    x^16
    >>> resnet = path_polynomial("resnet18")
    >>> resnet.paths, resnet.shortest, resnet.longest
    (256, 5, 18)
    >>> path_polynomial("googlenet").paths == 4**9
    True
    """
    found = network(name) if isinstance(name, str) else in_series("name", name)
    return _of_series(found.nodes)


def _of_series(nodes: tuple[Node, ...]) -> PathPolynomial:
    return prod((_of_node(node) for node in nodes), start=_ONE)


def _of_node(node: Node) -> PathPolynomial:
    if isinstance(node, Block):
        return sum((_of_series(branch) for branch in node.paths[1:]), start=_of_series(node.paths[0]))
    return _X if isinstance(node, (Conv, Linear)) else _ONE
