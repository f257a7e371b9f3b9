"""The entry point that the Functions host indexes. It declares the pages and nothing else."""

from settings.http.app import functions_app
from settings.pages import (
    backend_log,
    console,
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

PAGES = (
    ping,
    me,
    links,
    overview,
    resource_group,
    key_vault,
    key_rotation,
    backend_log,
    function_apps,
    function_app_settings,
    static_web_app,
    openapi,
    docs,
    console,
)

app = functions_app(*PAGES)
