"""What a PyTorch module calls while it runs, in the words of ONNX; ATen is the name of PyTorch's operators."""
