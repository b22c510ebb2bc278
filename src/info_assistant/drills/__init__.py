"""Stand-ins for what surrounds the product, for tests and demonstrations; never deployed."""
