"""Bots, what the world tells the house through them (incoming webhooks), and what the house tells them (deliveries)."""
