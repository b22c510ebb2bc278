"""One module for each page: it asks the backend, and hands what it learnt to a template."""
