"""The period search: grid, periodogram, bounds, choice among candidates, and what is known of a period."""
