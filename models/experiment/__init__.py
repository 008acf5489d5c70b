"""The comparisons of docs/results.md, the published method among them."""
