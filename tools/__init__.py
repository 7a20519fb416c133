"""What the builds of figures, notebooks, website and experiments share."""
