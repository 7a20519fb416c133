r"""From weights to better ones: sweeps over the convolutions, then joint steps on all of them.

*Alternating least squares*: with all other convolutions fixed, the best weights of one are a linear least-squares problem. A sweep
solves it for each convolution in turn. *Joint steps* change all weights at once by the method of Levenberg and Marquardt. Near a
product they converge quadratically, where sweeps have become slow. Neither ever raises the error: what would, by rounding or
because the linearization reaches too far, is taken back. So is what lets weights grow without end, in directions that hardly change
the product: rounding would lose it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from tqdm.auto import tqdm

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.projection.alternating.factors import Node
from igc_theory.kernels.projection.alternating.least_squares import Steps, direct_steps, least_squares_steps, moved
from igc_theory.kernels.rank_one_pairs import squared_norm

__all__ = ["Descent", "most_growth"]

_EXACT = 1e-28
"""Squared relative error at which nothing is left to find."""

_LEAST_DAMPING, _MOST_DAMPING = 1e-8, 1e6

_DIRECT = 2**28
"""Multiplications of the normal equations below which they are formed and solved: a few hundredths of a second."""


def most_growth(dtype: DTypeLike) -> float:
    """Return how many times as large as their product weights may get: rounding then moves it by a hundred-thousandth of its size.

    In double precision terms of 1e8 that cancel are of use, in single precision they are lost.

    Examples
    --------
    >>> f"{most_growth(np.float64):.0e}, {most_growth(np.float32):.0f}"
    '5e+10, 84'
    """
    return 1e-5 / float(np.finfo(dtype).eps)


class Descent:
    """Weights on their way to a kernel.

    Parameters
    ----------
    node : Node
        A product; its weights are replaced as the error falls.
    target : numpy.ndarray, shape (C_in, H, W, C_out)
        The conjugate transpose of the kernel.
    dtype : dtype, optional
        The type of the weights in the end, by default double precision: see `most_growth`.

    Attributes
    ----------
    error : float
        The squared distance at the present weights.
    history : list of float
        The errors so far; it never rises.

    Examples
    --------
    >>> from igc_theory import igcv2
    >>> from igc_theory.kernels import random_product
    >>> from igc_theory.kernels.projection.alternating.factors import chain_node
    >>> rng = np.random.default_rng(0)
    >>> hidden, start = (random_product(igcv2([2, 2, 2], kernel_size=1), rng) for _ in range(2))
    >>> descent = Descent(chain_node(start.chain, start.weights), hidden.kernel().transpose(1, 2, 3, 0))
    >>> descent.run(20, tolerance=1e-4)
    >>> descent.error < 1e-20
    True
    """

    def __init__(self, node: Node, target: Array, dtype: DTypeLike = np.float64) -> None:
        self.node, self._target = node, target
        self._largest = max(node.magnitude(), float(np.sqrt(squared_norm(target)))) * most_growth(dtype)
        self._outputs = np.eye(target.shape[-1], dtype=target.dtype)[:, None, None]
        self._floor, self._damping, self._reach = _EXACT * squared_norm(target), 1e-2, 1.0
        self._residual, self.error = self._distance()
        self.history = [self.error]

    def run(self, steps: int, tolerance: float) -> None:
        """Take sweeps and joint steps, mostly of the kind that last lowered the error more; the other is tried again in time.

        Parameters
        ----------
        steps : int
            At most this many.
        tolerance : float
            The end is near enough when two steps lower the squared error by at most this part of it.
        """
        kinds, falls = (self.sweep, self.joint_step), [np.inf, np.inf]
        bar: tqdm[Any]
        with tqdm(total=steps, desc="projecting", unit="step", delay=2, leave=False, disable=None) as bar:
            while len(self.history) <= steps and self.error > self._floor and not self._slower_than(tolerance):
                kind = int(np.argmax(falls))
                kinds[kind]()
                falls[kind], falls[1 - kind] = 1 - self.error / self.history[-1], 1.5 * falls[1 - kind]
                self.history.append(self.error)
                bar.set_postfix(error=f"{self.error:.4g}", refresh=False)
                bar.update()

    def sweep(self) -> None:
        """Solve for the weights of each convolution in turn, from the last to the first; then go on in the same direction.

        The longer the better it went the last time.
        """
        before = {conv: conv.weights for conv in self.node.convolutions}
        for conv in reversed(self.node.convolutions):
            steps, _ = least_squares_steps(self.node, [conv], self._residual, iterations=6)
            self._take(steps)
        ahead = {conv: self._reach * (conv.weights - weights) for conv, weights in before.items()}
        self._reach = 2 * self._reach if self._take(ahead) else 1.0

    def joint_step(self) -> None:
        """Change all weights at once, damped more until the error falls; then less, the better the linearization was."""
        while self._damping < _MOST_DAMPING:
            before = self.error
            steps, gain = self._all_steps()
            if self._take(steps):
                factor = max(0.1, 1 - (2 * (before - self.error) / gain - 1) ** 3)
                self._damping = max(_LEAST_DAMPING, factor * self._damping)
                return
            self._damping *= 4

    def _all_steps(self) -> tuple[Steps, float]:
        """Return steps for all weights and by how much the linearized, damped error falls; a small system is solved directly."""
        convs, damping = self.node.convolutions, self._damping
        if self._residual.size * sum(conv.weights.size for conv in convs) ** 2 <= _DIRECT:
            return direct_steps(convs, self._residual, damping)
        return least_squares_steps(self.node, convs, self._residual, iterations=60, tolerance=0.03, damping=damping)

    def _slower_than(self, tolerance: float) -> bool:
        return len(self.history) > 2 and self.error >= (1 - tolerance) * self.history[-3]

    def _take(self, steps: Steps) -> bool:
        """Change the weights if that lowers the error and lets them grow within bounds; return whether it does."""
        before = {conv: conv.weights for conv in steps}
        for conv, weights in moved(before, 1.0, steps).items():
            conv.weights = weights
        if self.node.magnitude() <= self._largest:
            residual, error = self._distance()
            if error < self.error:
                self._residual, self.error = residual, error
                return True
        for conv, weights in before.items():
            conv.weights = weights
        self.node.pull(self._outputs)
        return False

    def _distance(self) -> tuple[Array, float]:
        residual = self._target - self.node.pull(self._outputs)
        return residual, squared_norm(residual)
