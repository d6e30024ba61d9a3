"""Traces of the embedded stack: a receiver that keeps the last of them, and a tree for people."""
