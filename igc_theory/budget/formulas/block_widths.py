"""The width that a budget of weights buys, block by block: real numbers, the inverses of the formulas in `cost`."""

from __future__ import annotations

from collections.abc import Sequence

from igc_theory.budget.formulas.quantities import Quantity, area, quantity, within_floats
from igc_theory.budget.formulas.widths import NUMERIC, Functions
from igc_theory.structure.arguments.sequences import two_of

__all__ = ["depthwise_separable_width", "group_width", "igcv1_width", "igcv3_width", "regular_width"]


@within_floats
def regular_width(T: Quantity, S: Quantity, functions: Functions = NUMERIC) -> Quantity:
    r"""Return the width of a regular convolution at a budget, :math:`C = \sqrt{T/S}`.

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
    >>> f"{regular_width(36864, 9):.1f}"
    '64.0'
    """
    return group_width(T, 1, S, functions)


@within_floats
def group_width(T: Quantity, groups: Quantity, S: Quantity, functions: Functions = NUMERIC) -> Quantity:
    r"""Return the width of a group convolution at a budget, :math:`C = \sqrt{T G/S}`. Alone it is not dense for `G` > 1.

    Parameters
    ----------
    T, groups, S : int, float, array or symbol
        Budget in weights, branches, kernel area.
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
    >>> f"{group_width(36864, 4, 9):.1f}"
    '128.0'
    """
    T, groups, S = quantity("T", T), quantity("groups", groups), area(S)
    return functions.sqrt(T * groups / S)


@within_floats
def depthwise_separable_width(T: Quantity, S: Quantity, functions: Functions = NUMERIC) -> Quantity:
    r"""Return the width of a depthwise separable convolution at a budget: the positive root of :math:`C^2 + S C = T`.

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
    >>> f"{depthwise_separable_width(4672, 9):.1f}"
    '64.0'
    """
    return _positive_root(1, area(S), quantity("T", T), functions)


@within_floats
def igcv1_width(T: Quantity, L: Quantity, S: Quantity, functions: Functions = NUMERIC) -> Quantity:
    r"""Return the width of IGCV1 with `L` primary partitions at a budget: :math:`L M`, M the root of :math:`L S M^2 + L^2 M = T`.

    Parameters
    ----------
    T, L, S : int, float, array or symbol
        Budget in weights, primary partitions, kernel area.
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
    >>> f"{igcv1_width(2016, 24, 9):.1f}"
    '48.0'
    """
    T, L, S = quantity("T", T), quantity("L", L), area(S)
    return L * _positive_root(L * S, L**2, T, functions)


@within_floats
def igcv3_width(
    T: Quantity, t: Quantity, groups: Sequence[Quantity], S: Quantity, functions: Functions = NUMERIC
) -> Quantity:
    r"""Return the width of IGCV3 (`C` in, `C` out) at a budget: the root of :math:`t (1/G_1 + 1/G_2) C^2 + S t C = T`.

    Parameters
    ----------
    T, t, S : int, float, array or symbol
        Budget in weights, expansion, kernel area.
    groups : pair
        Branches of the two pointwise convolutions.
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
    >>> f"{igcv3_width(4752, 6, (2, 2), 9):.1f}"
    '24.0'
    """
    T, t, S = quantity("T", T), quantity("t", t), area(S)
    depthwise = S * t
    # The two pointwise factors at C = 1; a float, so that groups need not divide a width of one channel.
    first, second = two_of("groups", groups, "give (G1, G2), the branches of the two pointwise convolutions")
    quadratic = t * (1 / quantity("groups[0]", first) + 1 / quantity("groups[1]", second))
    return _positive_root(quadratic, depthwise, T, functions)


def _positive_root(a: Quantity, b: Quantity, c: Quantity, functions: Functions) -> Quantity:
    """Return the positive root of ``a x² + b x = c`` in the form that does not cancel."""
    return 2 * c / (b + functions.sqrt(b * b + 4 * a * c))
