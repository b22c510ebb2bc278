"""Messages on their way out: kept in the record of their incident, delivered in their own time."""
