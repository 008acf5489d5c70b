"""Commands, benchmarks and folders of light curves: what is not arrays in, arrays out."""
