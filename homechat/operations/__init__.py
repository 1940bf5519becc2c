"""Keeping the house well: health and what runs on its own."""
