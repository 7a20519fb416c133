from .balance import explore_balance as explore_balance
from .blocks import explore_block as explore_block
from .budgets import explore_budget as explore_budget
from .kernels import explore_kernel as explore_kernel
from .paths import explore_paths as explore_paths
