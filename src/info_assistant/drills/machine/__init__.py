"""A simulated cluster whose pods are real processes of this machine, to which real things happen.

`running_machine` starts it; docs/simulator.md says what is real in it and what is modelled.
"""
