from . import budget as budget
from . import kernels as kernels
from . import networks as networks
from . import structure as structure
from . import views as views
from .structure import Chain as Chain
from .structure import ChannelPermutation as ChannelPermutation
from .structure import GroupConv as GroupConv
from .structure import depthwise_separable as depthwise_separable
from .structure import explain_complementarity as explain_complementarity
from .structure import grade as grade
from .structure import group as group
from .structure import has_unique_paths as has_unique_paths
from .structure import igcv1 as igcv1
from .structure import igcv2 as igcv2
from .structure import igcv3 as igcv3
from .structure import interleave as interleave
from .structure import interleaved as interleaved
from .structure import inverted_residual as inverted_residual
from .structure import is_complementary as is_complementary
from .structure import is_dense as is_dense
from .structure import is_loosely_complementary as is_loosely_complementary
from .structure import path_counts as path_counts
from .structure import regular as regular
from .structure import uniform_path_count as uniform_path_count

__version__: str
