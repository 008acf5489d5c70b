"""True light curves of stars, without a survey that looks at them."""
