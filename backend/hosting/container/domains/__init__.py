"""The custom domains of CIPP as one container: host names, certificates, DNS as Azure sees it, and callbacks."""
