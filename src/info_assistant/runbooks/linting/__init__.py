"""What is wrong with a runbook before anybody needs it, and how each command is put right."""
