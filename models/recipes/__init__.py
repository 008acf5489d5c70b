"""How each network is made: one file a kind of network."""
