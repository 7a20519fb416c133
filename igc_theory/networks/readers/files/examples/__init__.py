"""Which axis of an input counts examples, as the operators of a file tell."""
