from .chains import chain_columns as chain_columns
from .chains import plot_chain as plot_chain
from .patches import patch_columns as patch_columns
from .patches import plot_patch_matrix as plot_patch_matrix
from .structure import path_count_columns as path_count_columns
from .structure import plot_path_counts as plot_path_counts
from .structure import plot_support as plot_support
from .structure import support_columns as support_columns
