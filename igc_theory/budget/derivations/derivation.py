"""A derivation: claims of computer algebra, each with its reason and with a check that can fail."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import sympy as sp
from sympy.logic.boolalg import Boolean
from sympy.printing.pretty.pretty import PrettyPrinter

__all__ = ["Check", "Claim", "Derivation", "Step"]

Claim: TypeAlias = Boolean
"""An equation, an inequality or an equivalence of SymPy."""

Check: TypeAlias = Callable[[Claim], bool]
"""Decides a claim; it sees nothing but the claim, so that changing what is printed changes what is checked."""

LATEX = {
    r"√\(([^()]*)\)|√(\w)": r"\\sqrt{\1\2}",
    r"\^\(([^()]*)\)": r"^{\1}",
    r"\bln\b": r"\\ln ",
    r"\b(strict|dense)\b": r"\\operatorname{\1}",
    "²": "^2",
    "×": r"\\times ",
    "⋯": r"\\cdots ",
    "…": r"\\dots ",
    "≥": r"\\ge ",
    "λ": r"\\lambda ",
    "μ": r"\\mu ",
    "ρ": r"\\rho ",
    "Π": r"\\Pi ",
}
"""What the formulas in reasons and assumptions, written to be read in a terminal, are in LaTeX."""


@dataclass(frozen=True)
class Step:
    """One claim of a derivation.

    Parameters
    ----------
    claim : sympy Boolean
        What is shown and what is checked.
    reason : str
        Why it follows, in one line; formulas stand between backticks.
    check : callable
        Maps the claim to True or False (see `igc_theory.budget.derivations.checks`).

    Examples
    --------
    >>> from igc_theory.budget.derivations import width_theorem
    >>> step = width_theorem().steps[0]
    >>> step.claim, step.holds()
    (Eq(T, L**2*M + L*M**2*S), True)
    """

    claim: Claim
    reason: str
    check: Check = field(repr=False)

    def holds(self) -> bool:
        """Return whether the check re-establishes the claim."""
        return self.check(self.claim)


@dataclass(frozen=True, repr=False)
class Derivation:
    """Assumptions, steps and results; shown as formulas in a notebook and as text in a terminal.

    Parameters
    ----------
    title : str
        What is derived.
    assumptions : tuple of str
        Under which everything below holds.
    steps : tuple of Step
        In order; each with its own check.
    result : tuple of sympy Boolean
        The claims to remember; each is the claim of a step.
    source : str
        Where the statement comes from.

    Examples
    --------
    >>> from igc_theory.budget.derivations import widest_igcv1_bound
    >>> bound = widest_igcv1_bound()
    >>> bound.verify()
    True
    >>> print(bound.title)
    The widest IGCV1 block at a budget
    """

    title: str
    assumptions: tuple[str, ...]
    steps: tuple[Step, ...]
    result: tuple[Claim, ...]
    source: str

    def failures(self) -> tuple[Claim, ...]:
        """Return the claims that do not hold, and the results that no step establishes.

        Examples
        --------
        >>> from igc_theory.budget.derivations import width_theorem
        >>> width_theorem().failures()
        ()
        """
        return self._failures

    @cached_property
    def _failures(self) -> tuple[Claim, ...]:
        claims = [step.claim for step in self.steps]
        refuted = [step.claim for step in self.steps if not step.holds()]
        return *refuted, *(claim for claim in self.result if claim not in claims)

    def verify(self) -> bool:
        """Return whether every step holds and every result is the claim of a step: `failures` is empty."""
        return not self.failures()

    def _step(self, claim: Claim) -> str:
        """Return the number of the step that establishes a claim."""
        numbers = [str(number) for number, step in enumerate(self.steps, 1) if step.claim == claim]
        return ", ".join(numbers) or "none"

    def __repr__(self) -> str:
        return f"Derivation({self.title!r}, {len(self.steps)} steps)"

    @property
    def sentence(self) -> str:
        """Title, length and source in words."""
        return f"{self.title}: derived in {len(self.steps)} steps ({_plain(self.source)})"

    def __str__(self) -> str:
        return self.sentence

    def text(self) -> str:
        """Return assumptions, steps, results and source, to be read in a terminal.

        Examples
        --------
        >>> from igc_theory.budget.derivations import width_theorem
        >>> print(width_theorem().text().splitlines()[-1])
        Source: IGCV1 [Zhang2017], section 3.3
        """
        lines = [self.title, "=" * len(self.title), *(_plain(f"Let {part}.") for part in self.assumptions), ""]
        for number, step in enumerate(self.steps, 1):
            lines += [f"{number}. {_plain(step.reason)}", _indented(step.claim), ""]
        lines += ["Result", *(f"   by step {self._step(claim)}\n{_indented(claim)}\n" for claim in self.result)]
        lines += [f"Source: {_plain(self.source)}"]
        return "\n".join(lines)

    def _repr_markdown_(self) -> str:
        """Return title, assumptions, results and source, and below them the steps, folded."""
        lines = [f"**{self.title}**", _marked_up("Let " + "; ".join(self.assumptions) + ".")]
        lines += ["**Result**", *(_displayed(claim, rf" \tag{{{self._step(claim)}}}") for claim in self.result)]
        lines += [f"*Source:* {_marked_up(self.source)}"]
        lines += [f"<details><summary>The derivation, in {len(self.steps)} steps</summary>"]
        lines += [
            f"{number}. {_marked_up(step.reason)}\n{_displayed(step.claim)}"
            for number, step in enumerate(self.steps, 1)
        ]
        return "\n\n".join([*lines, "</details>"])


class _NaturalLogarithm(PrettyPrinter):
    """SymPy's printer of text, with the natural logarithm called ln, as in the reasons and in the formulas."""

    def _print_log(self, expression: sp.Expr) -> Any:
        return self._print(sp.Function("ln")(*expression.args))


def _indented(claim: Claim) -> str:
    text: str = _NaturalLogarithm({"use_unicode": True, "wrap_line": False}).doprint(claim)
    return "\n".join(f"      {line}".rstrip() for line in text.splitlines())


def _displayed(claim: Claim, tag: str = "") -> str:
    return f"   $$ {sp.latex(claim, ln_notation=True)}{tag} $$"


def _plain(sentence: str) -> str:
    return sentence.replace("`", "")


def _marked_up(sentence: str) -> str:
    """Return a sentence with what stands between backticks as formulas of LaTeX."""
    return re.sub(r"`([^`]*)`", lambda found: f"${_latex(found[1])}$", sentence)


def _latex(formula: str) -> str:
    for pattern, command in LATEX.items():
        formula = re.sub(pattern, command, formula)
    return " ".join(formula.split())  # a space before the closing dollar would end no formula
