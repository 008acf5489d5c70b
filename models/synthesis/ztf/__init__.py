"""Stars seen through ZTF's alerts."""
