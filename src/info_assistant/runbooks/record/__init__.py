"""What happened in an incident, written to survive crashes and to show every later change."""
