"""What is said of an incident: templates filled in, notices, and the checks behind sentences."""
