"""How the paths of a network run."""
