"""Numbers from the folded and the unfolded light curve."""
