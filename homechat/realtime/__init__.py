"""What reaches people's screens at once, and which sockets belong to whom."""
