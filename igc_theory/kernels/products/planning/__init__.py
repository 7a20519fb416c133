"""From factors to steps: what is fused, the order of work, and who multiplies."""
