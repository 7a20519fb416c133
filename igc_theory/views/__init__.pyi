from .tables import block_summary as block_summary
from .tables import network_summary as network_summary
from .tables import to_csv as to_csv
from .tables import to_latex as to_latex
from .tables import to_markdown as to_markdown
