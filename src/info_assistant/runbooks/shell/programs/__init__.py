"""What is known of single programs: which of their calls change nothing, and which destroy.

A table lists what is known to be harmless, never what is known to be harmful: a program, a verb or
an option that nobody has listed counts as mutating.
"""
