"""Paths by their length: a polynomial whose coefficient of x^k is the number of paths through k convolutions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from math import prod

from igc_theory.structure.arguments.kinds import shown
from igc_theory.structure.arguments.numbers import positive_int, real_number
from igc_theory.structure.arguments.sequences import listed

__all__ = ["PathPolynomial"]

MOST_LENGTH = 2**11
"""Convolutions on the longest path."""


@dataclass(frozen=True)
class PathPolynomial:
    """A polynomial with non-negative integer coefficients: entry k counts the paths through k convolutions.

    Parameters
    ----------
    coefficients : tuple of int
        Lowest power first, without trailing zeros; Python ints, exact at any size.

    Examples
    --------
    >>> x = PathPolynomial((0, 1))
    >>> residual_block = 1 + x**2
    >>> residual_block**3
    1 + 3 x^2 + 3 x^4 + x^6
    >>> (residual_block**3).paths, (residual_block**3).mean
    (8, Fraction(3, 1))
    """

    coefficients: tuple[int, ...]

    def __post_init__(self) -> None:
        entries = listed("coefficients", self.coefficients, "give the numbers of paths, lowest power first")
        counts = [positive_int(f"coefficients[{k}]", value, minimum=0, maximum=None) for k, value in enumerate(entries)]
        object.__setattr__(self, "coefficients", tuple(counts))
        if not counts[-1]:
            raise ValueError(
                f"coefficients={shown(counts)} end with zero: leave trailing zeros out, and count one path"
            )

    @classmethod
    def plain(cls, layers: int) -> PathPolynomial:
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
        >>> PathPolynomial.plain(5)
        x^5
        """
        return cls((*[0] * positive_int("layers", layers, maximum=MOST_LENGTH), 1))

    @classmethod
    def residual(cls, blocks: int, convolutions: int = 2) -> PathPolynomial:
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
        >>> PathPolynomial.residual(2)
        1 + 2 x^2 + x^4
        """
        n, b = positive_int("blocks", blocks), positive_int("convolutions", convolutions)
        positive_int("blocks*convolutions", n * b, maximum=MOST_LENGTH)
        return (1 + cls.plain(b)) ** n

    @classmethod
    def highway(cls, layers: int) -> PathPolynomial:
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
        >>> PathPolynomial.highway(19).paths
        524288
        """
        return cls.residual(positive_int("layers", layers, maximum=MOST_LENGTH), convolutions=1)

    @classmethod
    def deeply_fused(cls, depths: Iterable[Iterable[int]]) -> PathPolynomial:
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

        >>> PathPolynomial.deeply_fused([(5, 2), (4, 1), (4, 1)])
        x^4 + 3 x^7 + 3 x^10 + x^13
        """
        way_out = "give the layers of each base network of each part, such as [(5, 2), (4, 1)]"
        counts = [listed("depths", part, way_out) for part in listed("depths", depths, way_out)]
        checked = [[positive_int("depths", depth, maximum=MOST_LENGTH) for depth in part] for part in counts]
        positive_int("the longest path of depths", sum(map(max, checked)), maximum=MOST_LENGTH)
        parts = [[cls.plain(depth) for depth in part] for part in checked]
        return prod((sum(part[1:], start=part[0]) for part in parts), start=cls((1,)))

    @classmethod
    def fractal(cls, columns: int, blocks: int = 1) -> PathPolynomial:
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
        >>> PathPolynomial.fractal(3)
        x + x^2 + 2 x^3 + x^4
        """
        columns = positive_int("columns", columns, maximum=MOST_LENGTH.bit_length())
        blocks = positive_int(
            "blocks", blocks, maximum=MOST_LENGTH // 2 ** (columns - 1), beyond="use fewer columns or blocks"
        )
        x = one = cls.plain(1)
        for _ in range(columns - 1):
            one = one**2 + x
        return one**blocks

    @property
    def paths(self) -> int:
        """Number of paths, F(1)."""
        return sum(self.coefficients)

    @property
    def shortest(self) -> int:
        """Convolutions on the shortest path."""
        return next(k for k, value in enumerate(self.coefficients) if value)

    @property
    def longest(self) -> int:
        """Convolutions on the longest path: the depth."""
        return len(self.coefficients) - 1

    @property
    def mean(self) -> Fraction:
        """Mean length of a path, F'(1)/F(1), exact."""
        return self.effective_depth(1)

    @property
    def distribution(self) -> tuple[Fraction, ...]:
        """Share of the paths of each length, exact."""
        return tuple(Fraction(value, self.paths) for value in self.coefficients)

    def effective_depth(self, passed: float | Fraction = Fraction(1, 2)) -> Fraction:
        r"""Return the mean length of a path when each convolution passes a share of the gradient.

        .. math:: r F'(r) / F(r) = \frac{\sum_k k\,a_k r^k}{\sum_k a_k r^k}

        Veit, Wilber and Belongie ([Veit2016], section 5) measured that the gradient through a path shrinks about
        exponentially with its length, so that short paths carry most of it. The share itself depends on the network and its
        training; it is an argument here.

        Parameters
        ----------
        passed : float or Fraction, default 1/2
            `r`, above 0; 1 gives the mean length.

        Examples
        --------
        Of 54 residual blocks the longest path has 54, the mean one 27:

        >>> blocks = (1 + PathPolynomial((0, 1))) ** 54
        >>> blocks.effective_depth(1), blocks.effective_depth(Fraction(1, 3))
        (Fraction(27, 1), Fraction(27, 2))
        """
        r = _share("passed", passed)
        if r <= 0:
            raise ValueError(
                f"passed={shown(passed)} is not above 0: give the share of the gradient that a convolution passes"
            )
        weights = [value * r**k for k, value in enumerate(self.coefficients)]
        return sum((k * weight for k, weight in enumerate(weights)), Fraction(0)) / sum(weights)

    def central(self, share: float | Fraction = Fraction(95, 100)) -> tuple[int, int]:
        """Return the lengths between which at least `share` of the paths lie, as many left out below as above.

        Examples
        --------
        More than 95 % of the paths of 54 residual blocks go through 19 to 35 of them ([Veit2016], section 4.1, says so):

        >>> low, high = ((1 + PathPolynomial((0, 1))) ** 54).central()
        >>> 19 <= low and high <= 35
        True
        """
        part = _share("share", share)
        if not 0 < part <= 1:
            raise ValueError(f"share={shown(share)} is not in (0, 1]: give a share of the paths such as 0.95")
        tail = (1 - part) / 2 * self.paths
        upward = accumulate(self.coefficients)
        downward = accumulate(reversed(self.coefficients))
        low = next(k for k, total in enumerate(upward) if total > tail)
        high = self.longest - next(k for k, total in enumerate(downward) if total > tail)
        return low, high

    def __add__(self, other: PathPolynomial | int) -> PathPolynomial:
        first, second = self.coefficients, _coefficients(other)
        length = max(len(first), len(second))
        pairs = zip(_filled(first, length), _filled(second, length), strict=True)
        return PathPolynomial(tuple(a + b for a, b in pairs))

    __radd__ = __add__

    def __mul__(self, other: PathPolynomial | int) -> PathPolynomial:
        first, second = self.coefficients, _coefficients(other)
        product = [0] * (len(first) + len(second) - 1)
        for j, a in enumerate(first):
            if a:
                for k, b in enumerate(second):
                    product[j + k] += a * b
        return PathPolynomial(tuple(product))

    __rmul__ = __mul__

    def __pow__(self, exponent: int) -> PathPolynomial:
        exponent = positive_int("exponent", exponent, minimum=0)
        positive_int("exponent*longest", exponent * max(1, self.longest), minimum=0, maximum=MOST_LENGTH)
        return prod([self] * exponent, start=PathPolynomial((1,)))

    def __repr__(self) -> str:
        terms = (_term(value, k) for k, value in enumerate(self.coefficients) if value)
        return " + ".join(terms)

    def _repr_latex_(self) -> str:
        return "$" + re.sub(r"x\^(\d+)", r"x^{\1}", repr(self)) + "$"


def _coefficients(other: PathPolynomial | int) -> tuple[int, ...]:
    if isinstance(other, PathPolynomial):
        return other.coefficients
    return (
        positive_int("other", other, minimum=0, maximum=None, way_out="give a PathPolynomial or a number of paths"),
    )


def _share(name: str, value: float | Fraction) -> Fraction:
    """Return a number as the fraction that it is."""
    if not isinstance(value, Fraction):
        value = Fraction(real_number(name, value, least=-1e6, most=1e6))
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > 2**11:
        raise ValueError(f"{name} has more than 2048 bits: give a float, or a fraction of smaller numbers")
    return value


def _filled(values: tuple[int, ...], length: int) -> tuple[int, ...]:
    return values + (0,) * (length - len(values))


def _term(value: int, power: int) -> str:
    variable = "" if power == 0 else "x" if power == 1 else f"x^{power}"
    return variable if value == 1 and variable else f"{value} {variable}".strip()
