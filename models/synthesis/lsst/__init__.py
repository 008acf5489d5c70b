"""Rubin: when it looks, what it measures, and which light curves its alerts make."""
