"""The nearest product to a kernel, and how near it can be."""
