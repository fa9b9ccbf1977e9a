"""The verbs, one a file: receive options; call the library; show on a screen what came of it."""
