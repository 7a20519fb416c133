"""The named blocks of the papers, as chains."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from igc_theory.structure.arguments.numbers import branches_of, positive_int
from igc_theory.structure.arguments.sequences import two_of, widths_of
from igc_theory.structure.chains import Chain, Factor
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import interleave

__all__ = [
    "depthwise_separable",
    "group",
    "igcv1",
    "igcv2",
    "igcv3",
    "interleaved",
    "inverted_residual",
    "pair_of_groups",
    "regular",
    "regular_as_igc",
    "shufflenet_unit",
    "summation_fusion",
    "with_interleaving",
    "xception",
]

Window = int | tuple[int, int]


def regular(in_channels: int, out_channels: int, kernel_size: Window = 3, stride: Window = 1) -> Chain:
    """Return a regular convolution: one dense factor, ``in_channels * out_channels * S`` weights.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels read and written.
    kernel_size, stride : int or (int, int), default 3 and 1
        Window and stride of the spatial convolution.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> regular(6, 6, kernel_size=5).parameters
    900
    """
    return Chain([GroupConv(in_channels, out_channels, 1, kernel_size, stride)], name="regular")


def group(in_channels: int, out_channels: int, groups: int, kernel_size: Window = 3, stride: Window = 1) -> Chain:
    """Return one group convolution: a single block-diagonal factor. Alone it is dense only if ``groups == 1``.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels read and written.
    groups : int
        Branches, a divisor of both.
    kernel_size, stride : int or (int, int), default 3 and 1
        Window and stride of the spatial convolution.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer, or `groups` does not divide the channels.

    Examples
    --------
    >>> group(6, 6, groups=2, kernel_size=5).parameters
    450
    """
    conv = GroupConv(in_channels, out_channels, groups, kernel_size, stride)
    return Chain([conv], name=f"group G={conv.groups}")


def depthwise_separable(in_channels: int, out_channels: int, kernel_size: Window = 3, stride: Window = 1) -> Chain:
    """Return a depthwise spatial convolution, then a dense pointwise one (MobileNetV1 [Howard2017]).

    It is IGCV1 with M = 1: ``C*S + C*C_out`` weights.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels read and written.
    kernel_size, stride : int or (int, int), default 3 and 1
        Window and stride of the spatial convolution.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> depthwise_separable(64, 128).parameters == 64 * 9 + 64 * 128
    True
    """
    depthwise = GroupConv(in_channels, in_channels, in_channels, kernel_size, stride)
    return Chain([depthwise, GroupConv(in_channels, out_channels)], name="depthwise separable")


def xception(in_channels: int, out_channels: int, kernel_size: Window = 3, stride: Window = 1) -> Chain:
    """Return a dense pointwise convolution, then a depthwise spatial one: the reverse of `depthwise_separable`.

    This is the "extreme Inception" order of Xception ([Chollet2017], figure 4). The whole network is ``network("xception")``.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels read and written.
    kernel_size, stride : int or (int, int), default 3 and 1
        Window and stride of the spatial convolution.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> [conv.kind for conv in xception(8, 16).convolutions]
    ['pointwise', 'depthwise']
    """
    pointwise = GroupConv(in_channels, out_channels)
    depthwise = GroupConv(out_channels, out_channels, out_channels, kernel_size, stride)
    return Chain([pointwise, depthwise], name="Xception order")


def igcv3(
    in_channels: int,
    out_channels: int,
    expansion: int = 6,
    groups: tuple[int, int] = (2, 2),
    kernel_size: Window = 3,
    stride: Window = 1,
) -> Chain:
    r"""Return the IGCV3 block: grouped pointwise expansion, permutation, depthwise, grouped pointwise reduction, permutation.

    With t the expansion it has ``t*C*C/G_1 + S*t*C + t*C*C_out/G_2`` weights and ``t*C/(G_1*G_2)`` paths per pair (IGCV3
    [Sun2018], section 3). The identity shortcut, taken when shapes agree, belongs to the network.

    Parameters
    ----------
    in_channels, out_channels : int
        `C` and `C_out`.
    expansion : int, default 6
        `t`: the middle has ``expansion * in_channels`` channels.
    groups : (int, int), default (2, 2)
        `G_1` and `G_2`, branches of the two pointwise convolutions.
    kernel_size, stride : int or (int, int), default 3 and 1
        Of the depthwise convolution.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer, or the branches do not divide the channels.

    Examples
    --------
    >>> from igc_theory.structure import grade
    >>> igcv3(24, 24).parameters == 144 * 24 // 2 + 9 * 144 + 144 * 24 // 2
    True
    >>> print(grade(igcv3(24, 24)))
    loose, p = 36: every input reaches every output by 36 paths
    """
    in_channels, (first, second) = positive_int("in_channels", in_channels), pair_of_groups(groups)
    expansion = positive_int("expansion", expansion)
    middle = positive_int("expansion*in_channels", expansion * in_channels)
    expand = GroupConv(in_channels, middle, first)
    depthwise = GroupConv(middle, middle, middle, kernel_size, stride)
    reduce = GroupConv(middle, out_channels, second)
    shuffles = interleave(first, expand.out_width), interleave(second, reduce.out_width)
    return Chain([expand, shuffles[0], depthwise, reduce, shuffles[1]], name=f"IGCV3 t={expansion} G={first},{second}")


def inverted_residual(
    in_channels: int, out_channels: int, expansion: int = 6, kernel_size: Window = 3, stride: Window = 1
) -> Chain:
    """Return the MobileNetV2 block [Sandler2018]: the convolutions of `igcv3` with one branch each and no permutations.

    Parameters
    ----------
    in_channels, out_channels, expansion, kernel_size, stride :
        As in `igcv3`.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> inverted_residual(24, 24).parameters == 2 * 144 * 24 + 9 * 144
    True
    """
    block = igcv3(in_channels, out_channels, expansion, (1, 1), kernel_size, stride)
    return Chain(block.convolutions, name=f"inverted residual t={positive_int('expansion', expansion)}")


def shufflenet_unit(
    channels: int, groups: int, bottleneck: int = 4, kernel_size: Window = 3, stride: Window = 1
) -> Chain:
    """Return the ShuffleNet unit: grouped pointwise, channel shuffle, depthwise, grouped pointwise.

    The first convolution writes ``channels/bottleneck`` channels, the last widens them again (ShuffleNet [Zhang2018],
    figure 2; the shortcut is left to the network).

    Parameters
    ----------
    channels, groups : int
        Channels read and written, and branches of both pointwise convolutions.
    bottleneck : int, default 4
        How many times fewer channels the depthwise convolution has.
    kernel_size : int or (int, int), default 3
        Window of the spatial convolution.
    stride : int or (int, int), default 1
        Of the depthwise convolution.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer, or a division leaves a rest.

    Examples
    --------
    >>> shufflenet_unit(240, groups=3).parameters
    10140
    """
    channels, bottleneck = positive_int("channels", channels), positive_int("bottleneck", bottleneck)
    groups = positive_int("groups", groups)
    if channels % (bottleneck * groups):
        raise ValueError(
            f"channels={channels} is not a multiple of bottleneck*groups={bottleneck}*{groups}={bottleneck * groups}: "
            f"use {-(-channels // (bottleneck * groups)) * bottleneck * groups} channels"
        )
    middle = channels // bottleneck
    squeeze, widen = GroupConv(channels, middle, groups), GroupConv(middle, channels, groups)
    depthwise = GroupConv(middle, middle, middle, kernel_size, stride)
    return Chain([squeeze, interleave(groups, squeeze.out_width), depthwise, widen], name=f"ShuffleNet unit G={groups}")


def pair_of_groups(groups: tuple[int, int]) -> tuple[int, int]:
    """Return the branches of two convolutions, checked.

    Examples
    --------
    >>> pair_of_groups([2, 4])
    (2, 4)
    """
    first, second = two_of("groups", groups, "give (G1, G2), the branches of the two convolutions")
    return positive_int("groups[0]", first), positive_int("groups[1]", second)


def igcv1(L: int, M: int, kernel_size: Window = 3, stride: Window = 1) -> Chain:
    r"""Return the IGCV1 block: `L` primary partitions of `M` channels, `M` secondary partitions of `L`.

    A spatial primary group convolution, the interleaving permutation, a pointwise secondary group convolution, and the permutation
    back. It has G = L·M channels and ``G**2 * (S/L + 1/M)`` weights, with S entries in the window (IGCV1 [Zhang2017], section 3).

    Parameters
    ----------
    L, M : int
        Primary partitions, and channels in each; the width is ``L*M``. ``M=1`` is depthwise separable; ``L=1`` is a
        regular convolution followed by one scale per channel.
    kernel_size, stride : int or (int, int), default 3 and 1
        Window and stride of the primary convolution.

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
    positive_int("L*M", L * M)
    primary = GroupConv(L * M, L * M, L, kernel_size, stride)
    secondary = GroupConv(L * M, L * M, M)
    return Chain([primary, interleave(L, M), secondary, interleave(M, L)], name=f"IGCV1 L={L} M={M}")


def interleaved(channels: int, branch_widths: Sequence[int], kernel_size: Window = 3, stride: Window = 1) -> Chain:
    r"""Return the general interleaved chain: one group convolution per width, with interleaving permutations between them.

    By the interleaving theorem every input–output pair has ⌊Π/C⌋ or ⌈Π/C⌉ paths, where Π is the product of the widths. The
    chain is dense iff Π ≥ C, and no other permutations between the same factors connect more evenly. For equal square branches
    this is known (perfect shuffles, [Gorbunov2024], Theorem 2; shuffle-exchange networks [Padmanabhan1991]). For mixed widths it
    is likely known in switching theory (related: [Robinett2019], [ImaseItoh1981]). Evenness is not looseness:
    ``interleaved(6, [2, 2, 3])`` is not loosely complementary, while another order of the channels between the same factors is.

    Parameters
    ----------
    channels : int
        `C`.
    branch_widths : sequence of int
        `K_1 … K_L`, channels per branch, each a divisor of `channels`; their product need not be `channels`.
    kernel_size, stride : int or (int, int), default 3 and 1
        Window and stride of the first factor; the others are pointwise.

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
    widths = widths_of("branch_widths", branch_widths)
    for l, width in enumerate(widths):
        if channels % width:
            raise ValueError(
                f"branch_widths[{l}]={width} does not divide channels={channels}: "
                f"use a divisor of {channels}, or pad to {-(-channels // width) * width} channels"
            )
    convolutions = [
        GroupConv(channels, channels, channels // width, *((kernel_size, stride) if l == 0 else (1, 1)))
        for l, width in enumerate(widths)
    ]
    return Chain(with_interleaving(convolutions), name=f"interleaved C={channels} K={','.join(map(str, widths))}")


def igcv2(branch_widths: Sequence[int], kernel_size: Window = 3, stride: Window = 1) -> Chain:
    """Return the canonical IGCV2 chain, as wide as the product of its branch widths: strictly complementary.

    ``igcv2([4, 16])`` is a spatial group convolution with 4 channels per branch, a permutation, a pointwise one with 16 channels
    per branch, and the permutation back. It has 64 channels, and exactly one path from every input to every output.

    With C channels and a window of S entries it has ``C * (S*K_1 + K_2 + ... + K_L)`` weights (IGCV2 [Xie2018], section 3).
    Channels are numbered in mixed radix, the digit of `K_1` running fastest; factor l connects channels that differ only in
    digit l.

    Parameters
    ----------
    branch_widths : sequence of int
        `K_1, ..., K_L`, channels per branch of each factor; the first is spatial, the others pointwise.
    kernel_size, stride : int or (int, int), default 3 and 1
        Window and stride of the first factor.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If a width is not a positive integer, or there is none.

    Examples
    --------
    >>> chain = igcv2([4, 16])
    >>> chain.in_channels, chain.out_channels
    (64, 64)
    >>> chain.parameters == 64 * (9 * 4 + 16)
    True
    >>> from igc_theory import grade
    >>> print(grade(chain))
    strict: every input reaches every output by exactly one path
    """
    widths = widths_of("branch_widths", branch_widths)
    channels = positive_int("the product of branch_widths", prod(widths))
    back = interleave(channels // widths[-1], widths[-1])
    return Chain(
        [interleaved(channels, widths, kernel_size, stride), back], name=f"IGCV2 K={','.join(map(str, widths))}"
    )


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
    `igc_theory.kernels.products.fixed_weights`.

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


def with_interleaving(convolutions: Sequence[GroupConv]) -> list[Factor]:
    """Return the convolutions with the interleaving of its branches behind each but the last.

    Examples
    --------
    >>> with_interleaving([GroupConv(4, 4, 2), GroupConv(4, 4, 2)])[1]
    interleave(groups=2, width=2)
    """
    factors: list[Factor] = []
    for convolution in convolutions:
        factors += [convolution, interleave(convolution.groups, convolution.out_width)]
    return factors[:-1]
