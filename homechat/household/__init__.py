"""Founding, inviting, joining, tokens, and looking after accounts and settings: what needs people and rooms at once."""
