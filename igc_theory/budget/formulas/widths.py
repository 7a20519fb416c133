r"""Fewest weights at a width and the width at a budget, with continuous branch widths: the smooth curves of the papers.

Each formula takes numbers and arrays, or SymPy symbols together with ``functions=SYMBOLIC`` of
`igc_theory.budget.derivations`: what is plotted is what is derived. `T` is a budget of weights, `S` a kernel area, `L` a number
of factors, `C` a width. "Attainable" means that the branch width of the spatial factor, :math:`K_1`, is at least one channel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import elementwise
from scipy.special import lambertw, wrightomega

from igc_theory.budget.formulas.cost import interleaved_parameters
from igc_theory.budget.formulas.quantities import Quantity, area, quantity, within_floats

__all__ = [
    "NUMERIC",
    "Functions",
    "attainable_parameters",
    "balanced_parameters",
    "balanced_width",
    "constrained_parameters",
    "constrained_width",
    "depthwise_parameters",
    "depthwise_width",
    "stationary_parameters",
    "stationary_width",
]


@dataclass(frozen=True)
class Functions:
    """The functions that a formula needs beyond ``+ * / **``, for numbers or for symbols.

    Lambert's function solves :math:`w e^w = z`; Wright's is :math:`ω(z) = W(e^z)`, which does not overflow where :math:`e^z` does.
    """

    sqrt: Callable[[Any], Any]
    exp: Callable[[Any], Any]
    log: Callable[[Any], Any]
    lambertw: Callable[[Any], Any]
    wright_omega: Callable[[Any], Any]


def _on_floats(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: function(np.asarray(x, dtype=float))


NUMERIC = Functions(
    _on_floats(np.sqrt),
    _on_floats(np.exp),
    _on_floats(np.log),
    _on_floats(lambda x: lambertw(x).real),
    _on_floats(wrightomega),
)
"""For numbers and arrays. The argument of Lambert's function is positive throughout, so its principal branch is real."""


@within_floats
def balanced_parameters(C: Quantity, L: Quantity, S: Quantity) -> Quantity:
    r"""Return the fewest weights of `L` factors, :math:`C L (SC)^{1/L}`: every term of the sum equal (balance condition).

    No strict design of width `C` with `L` factors has fewer (IGCV2 [Xie2018], section 3). Where
    :math:`(SC)^{1/L} < S` the bound asks for :math:`K_1 < 1`; `attainable_parameters` is then the true minimum.

    Parameters
    ----------
    C, L, S : int, float, array or symbol
        Width, number of factors, kernel area.

    Returns
    -------
    float, array or expression
        Weights.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity.

    Examples
    --------
    >>> balanced_parameters(64, 2, 9)
    3072.0
    """
    C, L, S = quantity("C", C), quantity("L", L), area(S)
    return C * L * (S * C) ** (1 / L)


@within_floats
def balanced_width(T: Quantity, L: Quantity, S: Quantity) -> Quantity:
    r"""Return the width of `L` balanced factors at a budget, :math:`C = (T / (L S^{1/L}))^{L/(L+1)}`.

    Two factors are IGCV1: :math:`(T / (2\sqrt S))^{2/3}` is its widest design, with :math:`L = M S`.

    Parameters
    ----------
    T, L, S : int, float, array or symbol
        Budget in weights, number of factors, kernel area.

    Returns
    -------
    float, array or expression
        Channels.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity.

    Examples
    --------
    >>> f"{balanced_width(4672, 2, 9):.2f} {balanced_width(17536, 2, 9):.2f}"
    '84.64 204.42'
    """
    T, L, S = quantity("T", T), quantity("L", L), area(S)
    return (T / (L * S ** (1 / L))) ** (L / (L + 1))


@within_floats
def stationary_parameters(C: Quantity, S: Quantity, functions: Functions = NUMERIC) -> Quantity:
    r"""Return :math:`e\,C \ln(SC)`: the fewest weights if the number of factors may be any real, :math:`L = \ln(SC)`.

    For :math:`S > e` this bound is not attainable, since :math:`K_1 = e/S < 1`: see `constrained_parameters`.

    Parameters
    ----------
    C, S : int, float, array or symbol
        Width and kernel area.
    functions : Functions, default NUMERIC
        Of numbers; ``SYMBOLIC`` of `igc_theory.budget.derivations` for symbols.

    Returns
    -------
    float, array or expression
        Weights.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity.

    Examples
    --------
    >>> f"{stationary_parameters(64, 9) / 64:.2f}"
    '17.28'
    """
    C, S = quantity("C", C), area(S)
    return functions.exp(1) * C * functions.log(S * C)


@within_floats
def stationary_width(T: Quantity, S: Quantity, functions: Functions = NUMERIC) -> Quantity:
    r"""Return the width at which `stationary_parameters` is the budget, :math:`C = T / (e\,W(TS/e))`, W Lambert's function.

    Parameters
    ----------
    T, S : int, float, array or symbol
        Budget in weights, and kernel area.
    functions : Functions, default NUMERIC
        Of numbers; ``SYMBOLIC`` of `igc_theory.budget.derivations` for symbols.

    Returns
    -------
    float, array or expression
        Channels.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity.

    Examples
    --------
    >>> f"{stationary_width(stationary_parameters(64, 9), 9):.9f}"
    '64.000000000'
    """
    T, S = quantity("T", T), area(S)
    return T / (functions.exp(1) * functions.lambertw(T * S / functions.exp(1)))


@within_floats
def depthwise_parameters(C: Quantity, pointwise: Quantity, S: Quantity) -> Quantity:
    r"""Return the fewest weights with a depthwise spatial factor, :math:`C (S + n C^{1/n})` for `n` pointwise factors.

    Parameters
    ----------
    C, pointwise, S : int, float, array or symbol
        Width, number of pointwise factors, kernel area.

    Returns
    -------
    float, array or expression
        Weights.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity.

    Examples
    --------
    >>> depthwise_parameters(64, 2, 9) / 64
    25.0
    """
    C, n, S = quantity("C", C), quantity("pointwise", pointwise), area(S)
    return interleaved_parameters(C, [1, n * C ** (1 / n)], S)


@within_floats
def depthwise_width(T: Quantity, pointwise: Quantity, S: Quantity) -> Quantity:
    r"""Return the width at which `depthwise_parameters` is the budget: the one positive root of :math:`S C + n C^{1+1/n} = T`.

    The left side increases from 0, so the root is unique; it is found numerically. For ``pointwise=1`` (depthwise separable) it is
    the root of a quadratic equation.
    Numbers and arrays only.

    Parameters
    ----------
    T, pointwise, S : int, float or array
        Budget in weights, number of pointwise factors, kernel area.

    Returns
    -------
    float or array
        Channels.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity.

    Examples
    --------
    >>> f"{depthwise_width(64 * 25, 2, 9):.9f}"
    '64.000000000'
    """
    checked = quantity("T", T), quantity("pointwise", pointwise), area(S)
    T, n, S = (np.asarray(value, dtype=float) for value in checked)
    # Each term alone may not exceed T, which bounds the root from above: its share of that bound is at most one, but for rounding.
    above = np.minimum(T / S, balanced_width(T, n, 1))
    # Typed so, as the stubs of SciPy know functions of one argument only.
    arguments: Any = (S * above / T, n * above ** (1 + 1 / n) / T, n)
    excess: Any = _depthwise_excess
    return (above * elementwise.find_root(excess, (0 * above, 0 * above + 2), args=arguments).x)[()]


@within_floats
def constrained_parameters(C: Quantity, S: Quantity, functions: Functions = NUMERIC) -> Quantity:
    r"""Return :math:`C (S + e \ln C)`, the fewest weights with :math:`K_1 ≥ 1` for :math:`S ≥ e`, over all numbers of factors.

    There :math:`K_1 = 1`, and :math:`\ln C` pointwise factors have width e (Karush–Kuhn–Tucker). A lower bound for every
    integer design, strict or dense.

    Parameters
    ----------
    C, S : int, float, array or symbol
        Width and kernel area.
    functions : Functions, default NUMERIC
        Of numbers; ``SYMBOLIC`` of `igc_theory.budget.derivations` for symbols.

    Returns
    -------
    float, array or expression
        Weights.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity.

    Examples
    --------
    >>> f"{constrained_parameters(64, 9) / 64:.2f}"
    '20.31'
    """
    C, S = quantity("C", C), area(S)
    return interleaved_parameters(C, [1], S) + stationary_parameters(C, 1, functions)


@within_floats
def constrained_width(T: Quantity, S: Quantity, functions: Functions = NUMERIC) -> Quantity:
    r"""Return the width at which `constrained_parameters` is the budget, :math:`C = T / (e\,W(T e^{S/e} / e))`.

    Parameters
    ----------
    T, S : int, float, array or symbol
        Budget in weights, and kernel area.
    functions : Functions, default NUMERIC
        Of numbers; ``SYMBOLIC`` of `igc_theory.budget.derivations` for symbols.

    Returns
    -------
    float, array or expression
        Channels.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity.

    Examples
    --------
    >>> f"{constrained_width(constrained_parameters(64, 9), 9):.9f}"
    '64.000000000'
    """
    T, S, e = quantity("T", T), area(S), functions.exp(1)
    return T / (e * functions.wright_omega(functions.log(T) + S / e - 1))


@within_floats
def attainable_parameters(C: Quantity, L: Quantity, S: Quantity) -> Quantity:
    r"""Return the fewest weights of `L` factors with :math:`K_1 ≥ 1`: balanced where that is allowed, else depthwise.

    Balance asks for :math:`K_1 = (SC)^{1/L}/S`, which is at least one channel iff :math:`L ≤ 1 + \ln C/\ln S`.
    Numbers and arrays only.

    Parameters
    ----------
    C, L, S : int, float or array
        Width, number of factors, kernel area.

    Returns
    -------
    float or array
        Weights.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity.

    Examples
    --------
    >>> [f"{attainable_parameters(64, L, 9) / 64:.2f}" for L in (1, 2, 3, 6)]
    ['576.00', '48.00', '25.00', '20.49']
    """
    C, L, S = (np.asarray(value, dtype=float) for value in (quantity("C", C), quantity("L", L), area(S)))
    allowed = (S * C) ** (1 / L) >= S
    depthwise = depthwise_parameters(C, np.where(allowed, 1, L - 1), S)
    return np.asarray(np.where(allowed, balanced_parameters(C, L, S), depthwise))[()]


def _depthwise_excess(share: Any, spatial: Any, pointwise: Any, n: Any) -> Any:
    return spatial * share + pointwise * share ** (1 + 1 / n) - 1
