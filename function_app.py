"""What the Functions host indexes: the pages, nothing else."""

from settings import (
    docs,
    function_app_settings,
    function_apps,
    key_rotation,
    key_vault,
    links,
    me,
    openapi,
    overview,
    ping,
    resource_group,
    static_web_app,
)
from settings.http import functions_app

PAGES = (
    ping,
    me,
    links,
    overview,
    resource_group,
    key_vault,
    key_rotation,
    function_apps,
    function_app_settings,
    static_web_app,
    openapi,
    docs,
)

app = functions_app(*PAGES)
