r"""What a chain costs: weights, multiply–adds, bytes; each formula of the papers once.

The formulas use only ``+ * / **``: ints go in and exact ints come out, and the same function takes NumPy arrays for a
curve and SymPy symbols for a derivation. `C` is a width (channels), `S` a kernel area (9 for a 3×3 window); weights are
counted without biases.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod

from igc_theory.budget.formulas.quantities import Quantity, exact_quotient, narrowed, no_window, quantity, within_floats
from igc_theory.structure.arguments.sequences import listed, two_of

__all__ = [
    "depthwise_separable_parameters",
    "group_parameters",
    "igcv1_parameters",
    "igcv2_parameters",
    "igcv3_parameters",
    "interleaved_parameters",
    "interleaved_weights",
    "regular_parameters",
]

counted = partial(quantity, exact=True)
"""A size in a count: integers stay exact, in arrays too."""


@within_floats
def regular_parameters(C: Quantity, S: Quantity, C_out: Quantity | None = None) -> Quantity:
    r"""Return the weights of a regular convolution, :math:`C\,C_{out}\,S`.

    Parameters
    ----------
    C : int, array or symbol
        Input channels.
    S : int, array or symbol
        Kernel area.
    C_out : int, array or symbol, optional
        Output channels; `C` when not given.

    Returns
    -------
    int, array or expression
        Weights; an exact int for ints.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity.

    Examples
    --------
    >>> regular_parameters(64, 9)
    36864
    """
    return group_parameters(C, 1, S, C_out)


@within_floats
def group_parameters(C: Quantity, groups: Quantity, S: Quantity, C_out: Quantity | None = None) -> Quantity:
    r"""Return the weights of a group convolution, :math:`C\,C_{out}\,S/G`: one block per branch.

    Parameters
    ----------
    C, S, C_out : int, array or symbol
        As in `regular_parameters`.
    groups : int, array or symbol
        `G`, the number of branches; for integers a divisor of the channels on both sides.

    Returns
    -------
    int, array or expression
        Weights; an exact int for ints.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity, or `groups` does not divide integer channels.

    Examples
    --------
    >>> group_parameters(6, 2, 25), group_parameters(6, 2, 25, C_out=4)
    (450, 300)
    """
    C, groups, S = counted("C", C), counted("groups", groups), counted("S", no_window(S))
    C_out = C if C_out is None else counted("C_out", C_out)
    exact_quotient("C/groups", C, groups)
    return narrowed(C * exact_quotient("C_out/groups", C_out, groups) * S)


@within_floats
def depthwise_separable_parameters(C: Quantity, S: Quantity, C_out: Quantity | None = None) -> Quantity:
    r"""Return the weights of a depthwise spatial and a dense pointwise convolution, :math:`C\,S + C\,C_{out}`.

    (MobileNetV1 [Howard2017].) With :math:`C_{out} = C` it is IGCV1 with M = 1.

    Parameters
    ----------
    C, S, C_out : int, array or symbol
        As in `regular_parameters`.

    Returns
    -------
    int, array or expression
        Weights; an exact int for ints.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity.

    Examples
    --------
    >>> depthwise_separable_parameters(64, 9), igcv1_parameters(L=64, M=1, S=9)
    (4672, 4672)
    """
    C, S = counted("C", C), counted("S", no_window(S))
    C_out = C if C_out is None else counted("C_out", C_out)
    return narrowed(C * S + C * C_out)


@within_floats
def igcv1_parameters(L: Quantity, M: Quantity, S: Quantity) -> Quantity:
    r"""Return the weights of the IGCV1 block, :math:`T = L M^2 S + M L^2 = G^2 (S/L + 1/M)` with width :math:`G = L M`.

    Parameters
    ----------
    L, M : int, array or symbol
        Primary partitions, and channels in each (IGCV1 [Zhang2017], section 3.3).
    S : int, array or symbol
        Kernel area of the primary convolution.

    Returns
    -------
    int, array or expression
        Weights; an exact int for ints.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity.

    Examples
    --------
    >>> igcv1_parameters(24, 2, 9)
    2016
    """
    L, M, S = counted("L", L), counted("M", M), counted("S", no_window(S))
    return narrowed(interleaved_weights(L * M, (M, L), S))


@within_floats
def igcv2_parameters(branch_widths: Sequence[Quantity], S: Quantity) -> Quantity:
    r"""Return the weights of the IGCV2 chain, :math:`Q = C (S K_1 + K_2 + … + K_L)` with width :math:`C = \prod K_l`.

    Parameters
    ----------
    branch_widths : sequence of int, array or symbol
        `K_1 … K_L`, channels per branch; the first factor is spatial (IGCV2 [Xie2018], section 3).
    S : int, array or symbol
        Kernel area of the first factor.

    Returns
    -------
    int, array or expression
        Weights; an exact int for ints.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity, or there are no widths.

    Examples
    --------
    >>> igcv2_parameters([1, 2, 2, 2, 2, 2, 2], 9)
    1344
    """
    S, widths = counted("S", no_window(S)), _checked_widths(branch_widths)
    return narrowed(interleaved_weights(prod(widths), widths, S))


@within_floats
def interleaved_parameters(C: Quantity, branch_widths: Sequence[Quantity], S: Quantity) -> Quantity:
    r"""Return the weights of `interleaved`, :math:`C (S K_1 + K_2 + … + K_L)`, whatever the product of the widths is.

    Parameters
    ----------
    C : int, array or symbol
        Channels, the same before and after every factor.
    branch_widths, S : as in `igcv2_parameters`
        That a width divides `C` is for the chain to check, not for the formula.

    Returns
    -------
    int, array or expression
        Weights; an exact int for ints.

    Raises
    ------
    TypeError, ValueError
        As in `igcv2_parameters`.

    Examples
    --------
    >>> interleaved_parameters(416, [1] + 9 * [2], 9) == 416 * 27
    True
    """
    C, S, widths = counted("C", C), counted("S", no_window(S)), _checked_widths(branch_widths)
    return narrowed(interleaved_weights(C, widths, S))


def interleaved_weights(C: Quantity, branch_widths: Sequence[Quantity], S: Quantity) -> Quantity:
    r"""Return :math:`C (S K_1 + K_2 + … + K_L)` of quantities that were checked: for inner loops.

    Examples
    --------
    >>> interleaved_weights(6, (2, 3), 9)
    126
    """
    first, *others = branch_widths
    return C * (S * first + sum(others))


@within_floats
def igcv3_parameters(C: Quantity, C_out: Quantity, t: Quantity, groups: Sequence[Quantity], S: Quantity) -> Quantity:
    r"""Return the weights of the IGCV3 block, :math:`tC·C/G_1 + S·tC + tC·C_{out}/G_2`.

    Parameters
    ----------
    C, C_out : int, array or symbol
        Channels read and written.
    t : int, array or symbol
        Expansion: the middle has :math:`t C` channels.
    groups : pair of int, array or symbol
        :math:`(G_1, G_2)`, branches of the two pointwise convolutions; (1, 1) is MobileNetV2 (IGCV3 [Sun2018],
        section 3).
    S : int, array or symbol
        Kernel area of the depthwise convolution.

    Returns
    -------
    int, array or expression
        Weights; an exact int for ints.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity, `groups` is not a pair, or does not divide integer channels.

    Examples
    --------
    >>> igcv3_parameters(24, 24, 6, (2, 2), 9), igcv3_parameters(24, 24, 6, (1, 1), 9)
    (4752, 8208)
    """
    first, second = two_of("groups", groups, "give (G1, G2), the branches of the two pointwise convolutions")
    G1, G2 = counted("groups", first), counted("groups", second)
    C, C_out, S = counted("C", C), counted("C_out", C_out), counted("S", no_window(S))
    middle = counted("t", t) * C
    exact_quotient("C/groups", C, G1)
    exact_quotient("t*C/groups", middle, G2)
    expand = C * exact_quotient("t*C/groups", middle, G1)
    reduce = middle * exact_quotient("C_out/groups", C_out, G2)
    return narrowed(expand + S * middle + reduce)


def _checked_widths(branch_widths: Sequence[Quantity]) -> list[Quantity]:
    widths = listed("branch_widths", branch_widths, "give one width per factor, such as [1, 8, 8]")
    return [counted(f"branch_widths[{k}]", width) for k, width in enumerate(widths)]
