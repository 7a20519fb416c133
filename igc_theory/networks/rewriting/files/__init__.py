"""ONNX files: their dense layers, other nodes in place of these, and both models at work."""
