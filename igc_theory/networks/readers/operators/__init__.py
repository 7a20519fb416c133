"""From operators to layers: what is a convolution, a linear layer, a normalisation, a channel order, and what it costs."""
