"""From an ONNX file to a graph: arrays, constants, bodies of branches and loops, sizes of inputs."""
