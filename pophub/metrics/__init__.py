"""What Prometheus scrapes: the figures of a hub by dataset, lane and subscription; the one room of its client."""
