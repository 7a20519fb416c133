"""What a network is: layers, what follows what, and what it costs."""
