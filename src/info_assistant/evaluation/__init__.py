"""How good the answers are: question sets, measures, and a scratch stack to take them on."""
