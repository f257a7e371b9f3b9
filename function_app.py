"""What the Functions host indexes: the pages, nothing else."""

from settings import function_apps, key_rotation, key_vault, links, me, ping
from settings.http import functions_app

PAGES = (ping, me, links, function_apps, key_vault, key_rotation)

app = functions_app(*PAGES)
