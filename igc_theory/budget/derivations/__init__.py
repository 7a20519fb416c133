"""The results of the papers derived step by step by computer algebra, every step with a check that can fail.

This sub-package is the one place that imports SymPy.
"""

from igc_theory.budget.derivations.balance import balance_condition
from igc_theory.budget.derivations.budgets import width_at_budget
from igc_theory.budget.derivations.derivation import Derivation, Step
from igc_theory.budget.derivations.factors import attainable_balance, best_factor_count
from igc_theory.budget.derivations.igcv1 import widest_igcv1_bound, width_theorem
from igc_theory.budget.derivations.igcv3 import igcv3_width_gain
from igc_theory.budget.derivations.integers import integer_optimum

__all__ = [
    "Derivation",
    "Step",
    "attainable_balance",
    "balance_condition",
    "best_factor_count",
    "igcv3_width_gain",
    "integer_optimum",
    "widest_igcv1_bound",
    "width_at_budget",
    "width_theorem",
]
