"""From user code to graphs: tensors, functions, randomness, tracing."""
