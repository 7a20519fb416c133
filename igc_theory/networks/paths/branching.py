r"""Paths by length: the generating function of an architecture.

:math:`F(x) = \sum_k a_k x^k`, where :math:`a_k` is the number of ways from the input to the output through k convolutions. A
convolution is x, the identity 1; in series polynomials multiply, side by side they add. So a plain stack is :math:`x^n`, n residual
blocks of b convolutions are :math:`(1 + x^b)^n`, and FractalNet follows :math:`F_{c+1} = F_c^2 + x`.
"""

from __future__ import annotations

from itertools import zip_longest

from igc_theory.networks.description.layer_graph import LayerGraph
from igc_theory.networks.paths.flow import steps_of
from igc_theory.networks.paths.path_polynomials import PathPolynomial
from igc_theory.networks.paths.steps import Mix, Unknown
from igc_theory.networks.zoo.catalogue import network

__all__ = ["path_polynomial"]


def path_polynomial(name: str | LayerGraph) -> PathPolynomial:
    """Return the paths of a network by length: through k convolutions (and linear layers), from input to output.

    Parameters
    ----------
    name : str or LayerGraph
        A name of `network_names`, or a network: from `network`, `read_onnx` or `from_torch`, or built by hand.

    Returns
    -------
    PathPolynomial
        Exact. Gates are taken to be open, and are no paths of their own. A shortcut with a projection counts as one convolution, so
        that a ResNet's polynomial is :math:`(1 + x^b)^n` only where all shortcuts are identities.

    Raises
    ------
    TypeError
        If `name` is neither, or a network without nodes and without a graph.
    ValueError
        If the name is unknown, or an operator on the way from the image to the output is.

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
    steps = steps_of("name", network(name) if isinstance(name, str) else name)
    if not steps.outputs:
        raise ValueError(f"name={name!r} writes nothing that depends on its image: there is no path to count")
    ways: list[list[int]] = []
    for k, step in enumerate(steps.steps):
        if isinstance(step.action, Unknown) and k in steps.live:
            raise ValueError(
                f"the paths of {name!r} are not known beyond {step.action.operator}: cut it out of the network"
            )
        length = step.action.length if isinstance(step.action, Mix) else 0
        ways.append([0] * length + _added([ways[read] for read in step.ways]) if k else [1])
    return PathPolynomial(tuple(_added([ways[k] for k in steps.outputs])))


def _added(polynomials: list[list[int]]) -> list[int]:
    """Return the sum of polynomials, lowest power first."""
    return [sum(values) for values in zip_longest(*polynomials, fillvalue=0)]
