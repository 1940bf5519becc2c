"""Founding the house, inviting and joining: what needs people and rooms at once."""
