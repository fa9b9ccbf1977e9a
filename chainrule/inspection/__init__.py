"""What compiled functions do and cost, beside what the machine can do at most."""
