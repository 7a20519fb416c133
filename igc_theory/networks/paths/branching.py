r"""Paths by length: the generating function of an architecture.

:math:`F(x) = \sum_k a_k x^k`, where :math:`a_k` is the number of ways from the input to the output through k convolutions. A
convolution is x, the identity 1; in series polynomials multiply, side by side they add. So a plain stack is :math:`x^n`, n residual
blocks of b convolutions are :math:`(1 + x^b)^n`, and FractalNet follows :math:`F_{c+1} = F_c^2 + x`.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from igc_theory.networks.description.layers import Conv, Linear
from igc_theory.networks.description.network import Network, in_series
from igc_theory.networks.description.nodes import Block, Node
from igc_theory.networks.paths.path_polynomials import PathPolynomial
from igc_theory.networks.zoo.catalogue import network
from igc_theory.structure.arguments import positive_int

__all__ = ["deeply_fused", "fractal", "highway", "path_polynomial", "plain", "residual"]


_ONE, _X = PathPolynomial((1,)), PathPolynomial((0, 1))


def plain(layers: int) -> PathPolynomial:
    """Return the polynomial of a plain stack: one path through all layers (AlexNet, VGG).

    Parameters
    ----------
    layers : int
        Convolutions in series.

    Returns
    -------
    PathPolynomial

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> plain(5)
    x^5
    """
    return _X ** positive_int("layers", layers)


def residual(blocks: int, convolutions: int = 2) -> PathPolynomial:
    r"""Return :math:`(1 + x^b)^n`: `blocks` blocks of `convolutions` beside an identity (ResNet [He2016]).

    Parameters
    ----------
    blocks, convolutions : int
        `n` and `b`.

    Returns
    -------
    PathPolynomial

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> residual(2)
    1 + 2 x^2 + x^4
    """
    return (1 + plain(convolutions)) ** positive_int("blocks", blocks)


def highway(layers: int) -> PathPolynomial:
    r"""Return :math:`(1 + x)^n`: every layer may be carried past (Highway [Srivastava2015]), all gates open.

    Parameters
    ----------
    layers : int
        `n`.

    Returns
    -------
    PathPolynomial

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> highway(19).paths
    524288
    """
    return residual(layers, convolutions=1)


def deeply_fused(depths: Iterable[Iterable[int]]) -> PathPolynomial:
    r"""Return the polynomial of a deeply-fused net: base networks of different depth, added up after each part.

    .. math:: \prod_j \sum_i x^{d_{ij}}

    (Deeply-fused nets [Wang2016]: the intermediate representations of the base networks are fused, several times.)

    Parameters
    ----------
    depths : iterable of iterables of int
        For each part between two fusions, the layers of each base network.

    Returns
    -------
    PathPolynomial

    Raises
    ------
    TypeError, ValueError
        If a depth is not a positive integer, or a part has no base network.

    Examples
    --------
    A deep network of 13 layers and a shallow one of 4, fused three times: short, long and mixed paths.

    >>> deeply_fused([(5, 2), (4, 1), (4, 1)])
    x^4 + 3 x^7 + 3 x^10 + x^13
    """
    parts = [[plain(depth) for depth in part] for part in depths]
    if not parts or not all(parts):
        raise ValueError(
            f"depths={parts} has a part without a base network: give the layers of each base network of each part"
        )
    return prod((sum(part[1:], start=part[0]) for part in parts), start=_ONE)


def fractal(columns: int, blocks: int = 1) -> PathPolynomial:
    r"""Return FractalNet: :math:`F_1 = x`, :math:`F_{c+1} = F_c^2 + x`, `blocks` in series ([Larsson2017], drop-path off).

    Parameters
    ----------
    columns, blocks : int
        `c`, and how many such blocks there are in series.

    Returns
    -------
    PathPolynomial

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> fractal(3)
    x + x^2 + 2 x^3 + x^4
    """
    one = _X
    for _ in range(positive_int("columns", columns) - 1):
        one = one**2 + _X
    return one ** positive_int("blocks", blocks)


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
