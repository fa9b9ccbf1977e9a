"""Tables: receives rows with a target; hands on a model that tells it of others."""
