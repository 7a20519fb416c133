"""Steps for the weights of one or of all convolutions, by conjugate gradients on the linearized product."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.projection.alternating.factors import Convolution, Node
from igc_theory.kernels.rank_one_pairs import squared_norm

__all__ = ["Steps", "direct_steps", "least_squares_steps", "moved"]

Steps = dict[Convolution, Array]


def least_squares_steps(
    node: Node,
    convs: Sequence[Convolution],
    residual: Array,
    *,
    iterations: int,
    tolerance: float = 0.1,
    damping: float = 0.0,
) -> tuple[Steps, float]:
    r"""Return steps `d` of the weights that lower the linearized squared error, damped, and by how much.

    .. math:: ‖R - J d‖^2 + μ ‖d‖_M^2

    with the residual `R`, the derivative `J` and the metrics `M` of the convolutions, for which the equations are preconditioned.
    For one convolution, undamped, it is the squared error itself. If its branches serve different entries of the kernel, the first
    iteration is the solution :math:`A_g^+ R B_g^+` of each branch. No iteration raises the error, and directions that change
    nothing stay out of the steps.

    Parameters
    ----------
    node : Node
        The product, pulled at its present weights.
    convs : sequence of Convolution
        Those whose weights may change.
    residual : numpy.ndarray, shape (C_in, H, W, C_out)
        The conjugate transpose of the kernel, less what was pulled.
    iterations : int
        At most this many.
    tolerance : float
        The slope, in the metric, at which to stop, relative to that at the start.
    damping : float
        :math:`μ`.
    """
    metrics, wanted = {conv: conv.metric() for conv in convs}, frozenset(convs)
    steps: Steps = {conv: np.zeros_like(conv.weights) for conv in convs}
    slopes = node.slope(residual, wanted)
    pull, ahead, ahead_costs, size, gain = steps, steps, steps, 0.0, 0.0
    start: float | None = None
    for _ in range(iterations):
        scaled = {conv: metrics[conv].solve(slope) for conv, slope in slopes.items()}
        size, before = _dot(slopes, scaled), size
        start = size if start is None else start
        if not size > tolerance**2 * start:
            break
        share = size / before if before else 0.0
        ahead, ahead_costs = moved(scaled, share, ahead), moved(slopes, share, ahead_costs)
        change = node.vary(None, ahead)
        curvature = 0.0 if change is None else squared_norm(change) + damping * _dot(ahead, ahead_costs)
        if change is None or not curvature > 0:
            break
        length = size / curvature
        steps, pull = moved(steps, length, ahead), moved(pull, damping * length, ahead_costs)
        residual = residual - length * change
        gain += length * size
        slopes = moved(node.slope(residual, wanted), -1.0, pull)
    return steps, gain


def direct_steps(convs: Sequence[Convolution], residual: Array, damping: float) -> tuple[Steps, float]:
    """Return the steps that `least_squares_steps` would take at last, for all convolutions of a small product.

    The derivative is a matrix here, and the metric the diagonal of its normal equations.
    """
    derivative = np.concatenate([conv.columns() for conv in convs], axis=1)
    slope, normal = derivative.conj().T @ residual.ravel(), derivative.conj().T @ derivative
    diagonal = np.einsum("kk->k", normal)
    diagonal += damping * np.maximum(diagonal.real, 1e-12 * diagonal.real.max(initial=1e-300))
    solved = np.linalg.solve(normal, slope)
    parts = np.split(solved.conj(), np.cumsum([conv.weights.size for conv in convs])[:-1])
    steps = {conv: part.reshape(conv.weights.shape) for conv, part in zip(convs, parts, strict=True)}
    return steps, float(np.vdot(solved, slope).real)


def moved(start: Steps, length: float, ahead: Steps) -> Steps:
    """Return ``start + length * ahead``."""
    return {conv: array + length * ahead[conv] for conv, array in start.items()}


def _dot(first: Steps, second: Steps) -> float:
    """Return the real part of the inner product."""
    return float(sum(np.vdot(array, second[conv]).real for conv, array in first.items()))
