"""From products to layers that train and run elsewhere."""
