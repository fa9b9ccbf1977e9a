"""Texts: receives a file; hands on a model of its characters, that writes on."""
