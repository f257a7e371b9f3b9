"""Names of settings that only the platform may set, by kind. This app never sets or removes them, even with Force.

Sources:
- Microsoft's "Environment variables and app settings in Azure App Service" (2026-02-26): every variable that it calls
  read-only, the prefixes that it lists, and the sections on authentication and managed identity
- names that Resource Manager refused: WEBSITE_HOSTNAME (microsoft/vscode-azureappservice#1897), HOME
  (Azure/azure-functions-core-tools#156, which also states that no list is complete), IDENTITY_ and AzureBlobStorage_
  (Azure/static-web-apps#334, dotnet/runtime#71114)

Whether an app reads each of them from its settings was not tried.
"""

from typing import Final

_SIGN_IN: Final = (  # these keys allow anyone to create a session, or a token for the host's admin API
    r"WEBSITE_AUTH_.*|WEBSITE_AUTHENTICATION_.*|MACHINEKEY_.*|AzureWebEncryptionKey|CONTAINER_ENCRYPTION_KEY"
)
_IDENTITY: Final = r"IDENTITY_.*|MSI_.*"
_ENVIRONMENT: Final = r"AZURE_FUNCTIONS_ENVIRONMENT|AzureWebJobsEnv"
_SITE: Final = (  # the app and its location
    r"WEBSITE_(SITE_NAME|IIS_SITE_NAME|RESOURCE_GROUP|OWNER_NAME|HOSTNAME|SKU|COMPUTE_MODE|INSTANCE_ID"
    r"|ROLE_INSTANCE_ID|DEPLOYMENT_ID|STAMP_DEPLOYMENT_ID|PLATFORM_VERSION|VOLUME_TYPE|CLOUD_NAME|OS|ISOLATION"
    r"|CURRENT_STAMPNAME|HOME_STAMPNAME|SLOT_NAME|PORT)|REGION_NAME|SITE_BITNESS"
)
_MACHINE: Final = r"HOME|HOME_EXPANDED|USERPROFILE|SERVER_PORT|PORT|HTTP_PLATFORM_PORT|DUMP_DIR|APPSVC_VIRTUAL_ENV"
_CONTAINER: Final = r"CONTAINER_.*|LEGION_.*|KUBERNETES_.*|WEBSITE_POD_NAME|WEBSITE_CONTAINER_.*|WEBSITE_PLACEHOLDER_.*"
_STATE: Final = (  # parts of its configuration that the platform passes to the app
    r"WEBSITE_SCM_(ALWAYS_ON_ENABLED|SEPARATE_STATUS)|WEBSITE_HTTPLOGGING_ENABLED|WEBSITE_COUNTERS_.*"
    r"|WEBSITE_LOCALCACHE_READY|WEBSITE_KEYVAULT_REFERENCES|WEBSITE_CORS_.*|WEBSITE_PUSH_.*"
    r"|WEBSITE_(PRIVATE|PUBLIC|INTERMEDIATE|ROOT)_CERTS_PATH|WEBSOCKET_CONCURRENT_REQUEST_LIMIT"
    r"|WEBJOBS_(PATH|NAME|TYPE|DATA_PATH|RUN_ID)|(PHP|TOMCAT|WILDFLY)_VERSION|JBOSS_HOME"
    r"|AZURE_(JETTY|TOMCAT)[0-9]*_(CMDLINE|HOME)"
)
_NETWORK: Final = r"WEBSITE_RELAYS|WEBSITE_REWRITE_TABLE|WEBSITE_PRIVATE_(IP|PORTS)"
_PREFIXES: Final = (  # the platform's prefixes of settings and connection strings
    r"(APPSETTING|MAINSITE|SCMSITE|AZUREFILESSTORAGE|AZUREBLOBSTORAGE|FILESHARESTORAGE)_.*"
    r"|(SQL|SQLAZURE|POSTGRESQL|MYSQL|CUSTOM|NOTIFICATIONHUB|SERVICEBUS|EVENTHUB|DOCDB|REDISCACHE)CONNSTR_.*"
)
# Code that an app loads before its own. Neither the platform nor CIPP sets these. If necessary, use the portal.
_CODE: Final = (
    r"DOTNET_(STARTUP_HOOKS|ADDITIONAL_DEPS|SHARED_STORE)|(CORECLR|COR)_(ENABLE_PROFILING|PROFILER.*)"
    r"|PATH|LD_(PRELOAD|AUDIT|LIBRARY_PATH)|(AzureFunctionsJobHost__)?languageWorkers__.*"
    r"|AzureFunctionsJobHost__customHandler__.*|AzureWebJobsScriptRoot"
)
_KINDS: Final = (_SIGN_IN, _IDENTITY, _ENVIRONMENT, _SITE, _MACHINE, _CONTAINER, _STATE, _NETWORK, _PREFIXES, _CODE)
PLATFORM: Final = "|".join(_KINDS)
