"""The words for PyTorch's operators are words that the reading of operators knows: none is passed over as unknown by mistake."""

import re
from pathlib import Path

from igc_theory.networks.readers import aten
from igc_theory.networks.readers.aten.arithmetic import ARITHMETIC
from igc_theory.networks.readers.operators.arithmetic import CHANNELWISE, RESIZING, WEIGHTLESS
from igc_theory.networks.readers.operators.layers import _RULES

KNOWN = CHANNELWISE | RESIZING | WEIGHTLESS | _RULES.keys()


def written():
    """Return the operators that the rules write, as they stand in their code."""
    code = "".join(path.read_text(encoding="utf-8") for path in Path(aten.__file__).parent.glob("*.py"))
    return set(re.findall(r'(?:write|between|_named)\(\s*"([A-Z]\w+)"', code))


def test_every_word_is_known():
    assert {"MatMul", "Gemm", "Concat"} <= written()
    assert (written() | set(ARITHMETIC.values())) - KNOWN == set()
