"""The comparisons of docs/science.md, the published method among them."""
