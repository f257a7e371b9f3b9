"""The Azure resources that run CIPP. Code that depends on CIPP's shape is in a folder for that shape."""
