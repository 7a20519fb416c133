"""How long layers take on this machine, and what that says about chains and networks."""
