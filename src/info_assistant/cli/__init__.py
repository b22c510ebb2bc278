"""The command line: starts the product's processes and speaks to them over HTTP."""
