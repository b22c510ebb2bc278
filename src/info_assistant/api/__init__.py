"""The backend's HTTP interface: it knows HTTP, and not how answers and documents come about."""
