"""The search for the best chain of a layer: states, bounds, and what a factor takes on a machine."""
