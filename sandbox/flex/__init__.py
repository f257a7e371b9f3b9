"""An app on Flex Consumption over HTTP: its deployment site, and its front end with the sign-in of App Service."""
