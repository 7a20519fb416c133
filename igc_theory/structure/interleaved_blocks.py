"""The blocks that interleave: IGCV1, IGCV2, any interleaved chain, and special cases with fixed secondary kernels."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from igc_theory.structure.arguments import branches_of, positive_int
from igc_theory.structure.blocks import Window
from igc_theory.structure.chains import Chain, Factor
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import interleave

__all__ = ["igcv1", "igcv2", "interleaved", "regular_as_igc", "summation_fusion"]


def igcv1(L: int, M: int, kernel_size: Window = 3) -> Chain:
    r"""Return the IGCV1 block: `L` primary partitions of `M` channels, `M` secondary partitions of `L`.

    .. math:: x' = P\,W^d\,P^T\,W^p\,x, \qquad T = G^2 (S/L + 1/M), \quad G = L M

    (IGCV1, arXiv 1707.02725, section 3): a spatial primary group convolution, the interleaving
    permutation, a pointwise secondary group convolution, and the permutation back.

    Parameters
    ----------
    L, M : int
        Primary partitions, and channels in each; the width is ``L*M``. ``M=1`` is depthwise separable; ``L=1`` is a
        regular convolution followed by one scale a channel.
    kernel_size : int or (int, int), default 3
        Window of the primary convolution.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> igcv1(24, 2).parameters == 24 * 2**2 * 9 + 2 * 24**2
    True
    """
    L, M = positive_int("L", L), positive_int("M", M)
    primary = GroupConv(L * M, L * M, L, kernel_size)
    secondary = GroupConv(L * M, L * M, M)
    return Chain([primary, interleave(L, M), secondary, interleave(M, L)], name=f"IGCV1 L={L} M={M}")


def interleaved(channels: int, branch_widths: Sequence[int], kernel_size: Window = 3) -> Chain:
    r"""Return the general interleaved chain: a group convolution a width, the interleaving permutation behind all but the last.

    By the interleaving theorem every input–output pair has :math:`⌊Π/C⌋` or :math:`⌈Π/C⌉` paths, :math:`Π = \prod K_l`: the chain
    is dense iff :math:`Π ≥ C`, and no other permutations of the same factors connect more evenly.

    Parameters
    ----------
    channels : int
        `C`.
    branch_widths : sequence of int
        `K_1 … K_L`, channels of a branch, each a divisor of `channels`; their product need not be `channels`.
    kernel_size : int or (int, int), default 3
        Window of the first factor; the others are pointwise.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If a width is not a positive integer that divides `channels`, or there is none.

    Examples
    --------
    >>> from igc_theory.structure import is_dense, path_counts
    >>> chain = interleaved(12, [1, 4, 4])
    >>> is_dense(chain), path_counts(chain).min(), path_counts(chain).max()
    (True, np.int64(1), np.int64(2))
    """
    channels = positive_int("channels", channels)
    widths = _checked_widths(branch_widths)
    for l, width in enumerate(widths):
        if channels % width:
            raise ValueError(
                f"branch_widths[{l}]={width} does not divide channels={channels}: "
                f"use a divisor of {channels}, or pad to {-(-channels // width) * width} channels"
            )
    factors: list[Factor] = []
    for l, width in enumerate(widths):
        factors += [GroupConv(channels, channels, channels // width, kernel_size if l == 0 else 1)]
        factors += [interleave(channels // width, width)] if l < len(widths) - 1 else []
    return Chain(factors, name=f"interleaved C={channels} K={','.join(map(str, widths))}")


def igcv2(branch_widths: Sequence[int], kernel_size: Window = 3) -> Chain:
    r"""Return the canonical IGCV2 chain of width :math:`C = \prod K_l`: strictly complementary.

    Channels are numbered in mixed radix, the digit of `K_1` running fastest; factor `l` connects channels that differ in digit
    `l` only. Each permutation turns the next digit to the front, and the last restores the order.

    .. math:: Q = C (S K_1 + K_2 + … + K_L)

    (IGCV2, arXiv 1804.06202, section 3).

    Parameters
    ----------
    branch_widths : sequence of int
        `K_1 … K_L`; the first factor is spatial, the others pointwise.
    kernel_size : int or (int, int), default 3
        Window of the first factor.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If a width is not a positive integer, or there is none.

    Examples
    --------
    >>> igcv2([2, 24]).factors == igcv1(24, 2).factors
    True
    >>> igcv2([1, 2, 2, 2, 2, 2, 2]).parameters // 64
    21
    """
    widths = _checked_widths(branch_widths)
    channels = prod(widths)
    back = interleave(channels // widths[-1], widths[-1])
    return Chain([interleaved(channels, widths, kernel_size), back], name=f"IGCV2 K={','.join(map(str, widths))}")


def regular_as_igc(channels: int, kernel_size: Window = 3) -> Chain:
    """Return the shape in which a regular convolution is an interleaved group convolution with fixed secondary kernels.

    The input's halves are duplicated, ``(x1, x2, x1, x2)``, so the width is ``2*channels``: four primary branches carry W11,
    W12, W21, W22, and 0/1 secondary kernels add them up (IGCV1, section 3.2). Its weights are in `igc_theory.kernels`.

    Parameters
    ----------
    channels : int
        Of the regular convolution, an even number.
    kernel_size : int or (int, int), default 3
        Window of the spatial convolution.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If `channels` is not a positive even number.

    Examples
    --------
    >>> from igc_theory.structure import regular
    >>> chain = regular_as_igc(6)
    >>> chain.in_channels, chain.convolutions[0].parameters == regular(6, 6).parameters
    (12, True)
    """
    channels = positive_int("channels", channels)
    half = branches_of(channels, 2, "channels")
    return Chain([igcv1(4, half, kernel_size)], name="regular as IGC")


def summation_fusion(L: int, M: int, kernel_size: Window = 3) -> Chain:
    """Return the shape of a group convolution with summation fusion: IGCV1 whose secondary kernels are fixed to ones.

    Every output partition is the sum of the `L` primary partitions (IGCV1, section 3.2). Its weights are in
    `igc_theory.kernels`.

    Parameters
    ----------
    L, M, kernel_size :
        As in `igcv1`.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> summation_fusion(4, 8).factors == igcv1(4, 8).factors
    True
    """
    return Chain([igcv1(L, M, kernel_size)], name=f"summation fusion L={L} M={M}")


def _checked_widths(branch_widths: Sequence[int]) -> tuple[int, ...]:
    """Return the widths as Python ints, refusing an empty list and anything that is not a positive integer."""
    if isinstance(branch_widths, str) or not hasattr(branch_widths, "__iter__"):
        raise TypeError(
            f"branch_widths={branch_widths!r} is not a sequence: give one width a factor, such as [1, 8, 8]"
        )
    widths = tuple(positive_int(f"branch_widths[{l}]", width) for l, width in enumerate(branch_widths))
    if not widths:
        raise ValueError("branch_widths=[] is empty: give one width a factor, such as [1, 8, 8]")
    return widths
