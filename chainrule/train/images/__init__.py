"""Images: receives a folder with one folder a class; hands on a model that tells the classes."""
