"""The page that people read: HTML from the server, a client of the API and of nothing else."""
