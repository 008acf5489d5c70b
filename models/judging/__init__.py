"""How good a network is, in numbers and for readers."""
