"""The entry point that the Functions host indexes. It declares the pages and nothing else."""

from settings.http.app import functions_app
from settings.pages import backend_log, console, docs, links, me, openapi, overview, ping, resource_group
from settings.pages.hosting import (
    domains,
    function_app_settings,
    function_apps,
    migration,
    operations,
    sign_in,
    static_web_app,
    users,
    versions,
)
from settings.pages.keys import key_rotation, key_vault, sign_in_again

PAGES = (
    ping,
    me,
    links,
    overview,
    resource_group,
    key_vault,
    key_rotation,
    sign_in_again,
    backend_log,
    function_apps,
    function_app_settings,
    operations,
    versions,
    static_web_app,
    migration,
    users,
    domains,
    sign_in,
    openapi,
    docs,
    console,
)

app = functions_app(*PAGES)
