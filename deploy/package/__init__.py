"""The builder of the package that is deployed: `make package`."""
