"""The incident service: listens to alerts, opens incidents, keeps their clock, tells people."""
