"""The graph: nodes, primitives, and everything that reads a graph without changing its meaning."""
