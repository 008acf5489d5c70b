"""Labelled light curves, tables of their features, and who is learned from."""
