"""People: joining, signing in, proving who they are, and the devices they are signed in on."""
