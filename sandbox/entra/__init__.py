"""login.microsoftonline.com and the hosts of the other clouds: sign-in and discovery."""
