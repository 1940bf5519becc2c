"""What people say: sending, history, catching up, unread counts and the list of conversations."""
