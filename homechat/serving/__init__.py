"""What stands between the network and Flask, and what a serving process needs; nothing of it imports eventlet."""
