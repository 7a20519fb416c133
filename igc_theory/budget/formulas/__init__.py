"""The formulas of the papers: weights of a design, and the width that a number of weights buys."""
