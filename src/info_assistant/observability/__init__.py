"""What operators see: one JSON line for each event, and every metric name once."""
