"""Counts of models of timm and torchvision beside an independent count: `make zoo-check`."""
