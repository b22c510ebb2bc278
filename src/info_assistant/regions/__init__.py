"""Leading readers to the second region and back, by weighted records of Route 53."""
