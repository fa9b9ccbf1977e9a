"""Other frameworks, each loaded only in the process that measures it."""
