from .explorers import explore_balance as explore_balance
from .explorers import explore_block as explore_block
from .explorers import explore_budget as explore_budget
from .explorers import explore_kernel as explore_kernel
from .explorers import explore_paths as explore_paths
from .tables import to_csv as to_csv
from .tables import to_latex as to_latex
from .tables import to_markdown as to_markdown
