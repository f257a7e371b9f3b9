"""The custom domains of CIPP in any shape: their results, and which host names are possible."""
