"""Where people talk, and who is in them."""
