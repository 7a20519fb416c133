"""Products of block-diagonal matrices with shuffles between them: what linear layers are replaced with."""

from __future__ import annotations

from collections.abc import Sequence

from igc_theory.structure.arguments.kinds import instance_of
from igc_theory.structure.arguments.numbers import branches_of, exact_root, positive_int
from igc_theory.structure.arguments.sequences import listed, widths_of
from igc_theory.structure.blocks import igcv2, pair_of_groups, with_interleaving
from igc_theory.structure.chains import Chain, Factor
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation, interleave

__all__ = ["blast", "block_tensor_train", "group_and_shuffle", "monarch"]

Window = int | tuple[int, int]

MOST_ORDER = 62
"""Factors of a Monarch matrix: with more, its blocks would have one channel."""


def group_and_shuffle(
    in_channels: int,
    out_channels: int,
    middle: int,
    groups: Sequence[int],
    kernel_size: Window = 1,
    stride: Window = 1,
    permutations: Sequence[ChannelPermutation] | None = None,
) -> Chain:
    """Return a group-and-shuffle matrix: block-diagonal factors, as many as there are entries in `groups`, with shuffles between.

    Definition 5.1 of [Gorbunov2024] with nothing before the first block-diagonal factor and nothing behind the last: permutations
    there are factors of their own, ``Chain([p, group_and_shuffle(…), q])``. Factor l of `G_l` blocks is followed by the perfect
    shuffle that their section 5.1 recommends, which is ``interleave(G_l, width)``. By their Theorem 2, and the interleaving
    theorem, that is dense with the fewest factors. With `C_l` channels behind factor l it has the sum of ``C_(l-1)*C_l/G_l``
    weights, the first term S times. With two factors it is loose, or strict, where ``middle`` is a multiple of ``G_1*G_2``.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels read and written.
    middle : int
        Channels between each two factors; unused with one factor.
    groups : sequence of int
        Blocks of each factor, in order of application.
    kernel_size, stride : int or (int, int), default 1
        Window and stride of the first factor; the others are pointwise.
    permutations : sequence of ChannelPermutation, optional
        What stands between the factors instead of perfect shuffles, one fewer than factors.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer, the blocks do not divide the channels, or the permutations do not fit.

    Examples
    --------
    Matrices of 1,024 channels in blocks of 32: two factors are dense, where block butterflies take six.

    >>> from igc_theory.structure import block_butterfly, grade
    >>> chain = group_and_shuffle(1024, 1024, 1024, [32, 32])
    >>> chain.parameters == 2 * 32**3, block_butterfly(1024, 32, 6).parameters == 6 * 32**3
    (True, True)
    >>> print(grade(chain))
    strict: every input reaches every output by exactly one path
    """
    groups, middle = widths_of("groups", groups), positive_int("middle", middle)
    inner = [("middle", middle)] * (len(groups) - 1)
    ends = (
        ("in_channels", positive_int("in_channels", in_channels)),
        ("out_channels", positive_int("out_channels", out_channels)),
    )
    stages = [ends[0], *inner, ends[1]]
    for l, count in enumerate(groups):
        for name, channels in stages[l : l + 2]:
            branches_of(channels, count, name)
    convolutions = [
        GroupConv(before, after, count, *((kernel_size, stride) if l == 0 else (1, 1)))
        for l, ((_, before), (_, after), count) in enumerate(zip(stages, stages[1:], groups, strict=False))
    ]
    name = f"group and shuffle G={','.join(map(str, groups))}"
    if permutations is None:
        return Chain(with_interleaving(convolutions), name)
    return Chain(_with_permutations(convolutions, permutations), name)


def _with_permutations(convolutions: Sequence[GroupConv], permutations: Sequence[ChannelPermutation]) -> list[Factor]:
    """Return the convolutions with one permutation between each two."""
    way_out = "give one ChannelPermutation between each two factors"
    given = listed("permutations", permutations, way_out, empty=True)
    if len(given) != len(convolutions) - 1:
        raise ValueError(f"permutations has {len(given)} entries for {len(convolutions)} factors: {way_out}")
    factors: list[Factor] = [convolutions[0]]
    for k, convolution in enumerate(convolutions[1:]):
        factors += [instance_of(f"permutations[{k}]", given[k], ChannelPermutation, way_out), convolution]
    return factors


def monarch(
    in_channels: int,
    out_channels: int,
    groups: int | None = None,
    order: int = 2,
    kernel_size: Window = 1,
    stride: Window = 1,
) -> Chain:
    r"""Return a Monarch matrix ``P L P^T R``: two block-diagonal matrices with a reshape and a transpose between them.

    `P^T` reads the channels as the rows of a matrix and writes them column by column. The square one has ``C = m**2`` channels,
    `m` blocks of m×m in both factors, ``2*C*m`` weights and one path per pair: it is IGCV1 with L = M = m. A rectangular one
    has `groups` blocks in both factors and the smaller number of channels between them. That is ``(C + C_out)*min(C, C_out)/G``
    weights, and ``min(C, C_out)/G**2`` paths per pair where that is an integer [Dao2022]. The order of channels is that of
    the authors' code, so its weights fit as they are.

    Order p (Monarch Mixer [Fu2023]) has p factors with blocks of the p-th root of C, and ``p*C**(1 + 1/p)`` weights. It is
    IGCV2 with equal widths.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels read and written.
    groups : int, optional
        Blocks of each factor, of order 2 only; it divides both numbers of channels. If it is left out, the matrix is square,
        and its size is a power of an integer with exponent `order`.
    order : int, default 2
        Number of factors, at least 2.
    kernel_size, stride : int or (int, int), default 1
        Window and stride of the first factor; the other is pointwise.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer, or `groups` does not divide the channels or is given for a higher order.
        Without `groups`, if the matrix is not square or its size is not a power.

    Examples
    --------
    >>> from igc_theory.structure import grade, igcv1, igcv2
    >>> monarch(64, 64) == igcv1(8, 8, kernel_size=1), monarch(64, 64, order=3) == igcv2([4, 4, 4], kernel_size=1)
    (True, True)
    >>> print(grade(monarch(64, 128, groups=4)))
    loose, p = 4: every input reaches every output by 4 paths
    """
    in_channels, out_channels = positive_int("in_channels", in_channels), positive_int("out_channels", out_channels)
    order = positive_int("order", order, minimum=2, maximum=MOST_ORDER)
    if groups is None:
        if in_channels != out_channels:
            raise ValueError(
                f"out_channels={out_channels} is not in_channels={in_channels}, and groups is not given: "
                "make them equal, or give groups"
            )
        width = exact_root("in_channels", in_channels, "order", order)
        return Chain(igcv2([width] * order, kernel_size, stride).factors, name=f"Monarch {width}^{order}")
    groups = positive_int("groups", groups)
    if order > 2:
        raise ValueError(f"groups={groups} is given, and order={order} is above 2: leave one of the two out")
    return _rectangular_monarch(in_channels, out_channels, groups, kernel_size, stride)


def _rectangular_monarch(
    in_channels: int, out_channels: int, groups: int, kernel_size: Window, stride: Window
) -> Chain:
    middle = min(in_channels, out_channels)
    first = GroupConv(in_channels, middle, groups, kernel_size, stride)
    second = GroupConv(middle, out_channels, groups)
    # Both permutations are those of the authors' code: a matrix of shape (in_width, groups) is transposed, and back.
    shuffles = interleave(second.in_width, groups), interleave(groups, second.out_width)
    return Chain([first, shuffles[0], second, shuffles[1]], name=f"Monarch G={groups}")


def block_tensor_train(
    in_channels: int,
    out_channels: int,
    groups: tuple[int, int],
    rank: int = 1,
    kernel_size: Window = 1,
    stride: Window = 1,
) -> Chain:
    r"""Return a block tensor train of two cores: the (G_1 × G_2) blocks of the matrix may be any matrices of rank r.

    The input is an array of shape ``(G_1, C/G_1)``, the output one of shape ``(G_2, C_out/G_2)``, and

    ``W[b, j; a, i] = sum over r of U[b, j, a, r] * V[a, i, b, r]``,

    as in the authors' code [Qiu2024]. It is a chain of two factors with r paths per pair: loose with p = r, and strict for
    r = 1. With r = 1 and ``G_1 = G_2 = sqrt(C)`` it is a Monarch matrix. It has ``r*(G_2*C*S + G_1*C_out)`` weights.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels read and written.
    groups : (int, int)
        `G_1` and `G_2`, blocks of the first and of the second factor.
    rank : int, default 1
        `r`, channels that each pair of blocks shares.
    kernel_size, stride : int or (int, int), default 1
        Window and stride of the first factor; the second is pointwise.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer, or the blocks do not divide the channels.

    Examples
    --------
    >>> from igc_theory.structure import grade
    >>> chain = block_tensor_train(64, 64, groups=(8, 8), rank=3)
    >>> chain.parameters == 3 * (8 * 64 + 8 * 64)
    True
    >>> print(grade(chain))
    loose, p = 3: every input reaches every output by 3 paths
    """
    (first, second), rank = pair_of_groups(groups), positive_int("rank", rank)
    middle = positive_int("groups[0]*groups[1]*rank", first * second * rank)
    chain = group_and_shuffle(in_channels, out_channels, middle, (first, second), kernel_size, stride)
    return Chain(chain.factors, name=f"block tensor train G={first},{second} r={rank}")


def blast(
    in_channels: int, out_channels: int, groups: int, rank: int, kernel_size: Window = 1, stride: Window = 1
) -> Chain:
    r"""Return a BLAST matrix: block (i, j) of b×b blocks is ``U_i diag(s_ij) V_j^T``, its bases shared along rows and columns.

    Three factors ([Lee2024], the authors' code): the `b` bases `V_j^T` side by side; for each of the `r` basis vectors a b×b
    matrix of couplings `s_ij`; the `b` bases `U_i`. There are r paths per pair, loose with p = r, and ``r*(C*S + b**2 + C_out)``
    weights. A matrix of rank r is the case ``s_ij = 1``, and has ``r*b**2`` fewer.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels read and written.
    groups : int
        `b`, blocks along each side; it divides both numbers of channels.
    rank : int
        `r`, vectors of each basis.
    kernel_size, stride : int or (int, int), default 1
        Window and stride of the first factor; the others are pointwise.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer, or `groups` does not divide the channels.

    Examples
    --------
    >>> from igc_theory.structure import grade
    >>> chain = blast(64, 64, groups=4, rank=6)
    >>> [conv.groups for conv in chain.convolutions], chain.parameters == 6 * (64 + 16 + 64)
    ([4, 6, 4], True)
    >>> print(grade(chain))
    loose, p = 6: every input reaches every output by 6 paths
    """
    groups, rank = positive_int("groups", groups), positive_int("rank", rank)
    middle = positive_int("groups*rank", groups * rank)
    chain = group_and_shuffle(in_channels, out_channels, middle, (groups, rank, groups), kernel_size, stride)
    return Chain(chain.factors, name=f"BLAST b={groups} r={rank}")
