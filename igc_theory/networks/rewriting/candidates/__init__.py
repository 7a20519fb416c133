"""What may stand in place of one layer: candidates with their costs, errors and weights."""
