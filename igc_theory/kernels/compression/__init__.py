"""The families that remove redundancy from a kernel, on one scale."""
