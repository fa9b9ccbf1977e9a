"""The functions of the array API standard and of neural networks, composed of primitives."""
