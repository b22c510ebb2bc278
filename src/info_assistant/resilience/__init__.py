"""What keeps the product answering when something it needs is slow, gone or too much in demand."""
