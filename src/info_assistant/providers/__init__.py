"""What turns text into vectors and passages into answers: one module for each outside engine."""
