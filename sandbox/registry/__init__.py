"""ghcr.io: the images of CIPP, their tags, and the calls that read them."""
