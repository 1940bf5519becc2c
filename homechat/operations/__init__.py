"""Keeping the house well: health, what runs on its own, how it is in numbers, and closing it in an emergency."""
