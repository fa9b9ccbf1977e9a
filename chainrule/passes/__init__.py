"""From a graph to a planned program: simplify, lower, fuse, schedule, memory."""
