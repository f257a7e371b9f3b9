"""What a deployment is refused for, before anything is written."""

from typing import Any

import pytest

from sandbox import names
from tests.support.sandbox.arm import Arm
from tests.support.sandbox.deployments import Deployments, refusal, template
from tests.support.sandbox_client import Sandbox

IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"
IDENTITY: dict[str, Any] = {
    "type": IDENTITIES,
    "apiVersion": "2023-01-31",
    "name": "one",
    "location": "westeurope",
}
LOCK: dict[str, Any] = {
    "type": "Microsoft.Authorization/locks",
    "apiVersion": "2020-05-01",
    "name": "keep",
    "properties": {"level": "CanNotDelete"},
}


@pytest.fixture(scope="module")
def azure(sandbox: Sandbox) -> Deployments:
    sandbox.reset()
    return Deployments(sandbox)


def refused(azure: Deployments, whole: object, /, **parameters: object) -> tuple[str, str]:
    """Return the code and the message with which each call refuses a template. Nothing was deployed."""
    answers = [
        azure.validate(whole, **parameters),
        azure.put(whole, **parameters),
        azure.send(
            "POST",
            "test",
            {"properties": {"template": whole, "parameters": {k: {"value": v} for k, v in parameters.items()}}},
            after="/whatIf",
        ),
    ]
    (status, code, message), *others = [refusal(answer) for answer in answers]
    assert all(other == (status, code, message) for other in others)
    assert status in (400, 403)
    assert azure.send("GET", "test").status_code == 404
    return code, message


@pytest.mark.every_case("each is one refusal, and takes 60 ms")
@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "The value for the template parameter 'name' at line '1' and column '1' is not provided."),
        ({"name": None}, "The value for the template parameter 'name' at line '1' and column '1' is not provided."),
        (
            {"name": "abc", "nmae": "x"},
            (
                "The template parameters 'nmae' in the parameters file are not valid; they are not present in the "
                "original template and can therefore not be provided at deployment time. The only supported parameters "
                "for this template are 'name, size'."
            ),
        ),
        (
            {"name": 1},
            (
                "The provided value for the template parameter 'name' is not valid. Expected a value of type 'String, "
                "Uri', but received a value of type 'Integer'."
            ),
        ),
        ({"name": "abc", "size": True}, "Expected a value of type 'Integer', but received a value of type 'Boolean'."),
        (
            {"name": "abc", "size": 3},
            (
                "The provided value '3' for the template parameter 'size' at line '1' and column '1' is not valid. The "
                "parameter value is not part of the allowed value(s): '1,2'."
            ),
        ),
        ({"name": "a"}, "Length of the value should be greater than or equal to '2'"),
        ({"name": "abcdef"}, "Length of the value should be less than or equal to '5'"),
    ],
)
def test_parameter_is_refused_with_the_reason(azure: Deployments, given: dict[str, object], why: str) -> None:
    rules = {
        "name": {"type": "string", "minLength": 2, "maxLength": 5},
        "size": {"type": "int", "allowedValues": [1, 2], "defaultValue": 1},
    }
    code, message = refused(azure, template(parameters=rules), **given)
    assert code == "InvalidTemplate"
    assert why in message


@pytest.mark.every_case("each is one refusal, and takes 60 ms")
@pytest.mark.parametrize(
    ("resources", "why"),
    [
        (
            [IDENTITY | {"dependsOn": ["[resourceId('Microsoft.Web/sites', 'x')]"]}],
            "The resource 'Microsoft.Web/sites/x' is not defined in the template.",
        ),
        ([IDENTITY | {"dependsOn": ["other"]}], "The template reference 'other' is not valid"),
        (
            # The ID of an extension resource has the scope in it: a case that Azure refused for others.
            [
                IDENTITY,
                LOCK | {"scope": f"[resourceId('{IDENTITIES}', 'one')]", "dependsOn": ["one"]},
                IDENTITY | {"name": "two", "dependsOn": ["[resourceId('Microsoft.Authorization/locks', 'keep')]"]},
            ],
            "The resource 'Microsoft.Authorization/locks/keep' is not defined in the template.",
        ),
        (
            [IDENTITY | {"dependsOn": ["two"]}, IDENTITY | {"name": "two", "dependsOn": ["one"]}],
            "Circular dependency detected on resource",
        ),
        ([IDENTITY, IDENTITY], "is defined multiple times in a template"),
        (
            [IDENTITY | {"condition": "[empty(reference('two'))]"}, IDENTITY | {"name": "two"}],
            "The template function 'reference' is not expected at this location.",
        ),
        (
            [IDENTITY | {"name": "[reference('two').clientId]"}, IDENTITY | {"name": "two"}],
            "The template function 'reference' is not expected at this location.",
        ),
        (
            [IDENTITY | {"tags": {"a": "[reference('two').clientId]"}}, IDENTITY | {"name": "two"}],
            "The template function 'reference' is not expected at this location.",
        ),
        ([IDENTITY | {"name": "one/two"}], "has incorrect segment lengths"),
        ([IDENTITY | {"condition": "yes"}], "The condition must be a logical value"),
        ([IDENTITY | {"dependson ": []}], "Could not find member 'dependson ' on object of type 'TemplateResource'"),
        ([IDENTITY | {"type": None}], "Required property 'type' not found in JSON"),
        ([IDENTITY | {"copy": {"name": "many", "count": 801}}], "The template copy count '801' is not valid"),
        ([IDENTITY | {"copy": {"name": "many", "count": 2}}], "is defined multiple times in a template"),
    ],
)
def test_template_is_refused_with_the_reason(azure: Deployments, resources: list[object], why: str) -> None:
    code, message = refused(azure, template(*resources))
    assert code == "InvalidTemplate"
    assert message.startswith("Deployment template validation failed: '")
    assert why in message


@pytest.mark.every_case("each is one refusal, and takes 60 ms")
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"resources": None}, "Required property 'resources' not found"),
        ({"$schema": ""}, "Required property '$schema' not found"),
        ({"resource": []}, "Could not find member 'resource' on object of type 'Template'"),
        ({"parameters": {"x": {"type": "text", "defaultValue": "1"}}}, "which is not valid"),
        ({"parameters": {"x": {"type": "int", "default": 1}}}, "Could not find member 'default'"),
        ({"languageVersion": "2.0"}, "The sandbox does not know languageVersion"),
    ],
)
def test_structure_of_a_template_is_checked(azure: Deployments, change: dict[str, object], why: str) -> None:
    code, message = refused(azure, template() | change)
    assert code == "InvalidTemplate"
    assert why in message


def test_resource_type_must_have_the_api_version(azure: Deployments) -> None:
    code, message = refused(azure, template(IDENTITY | {"apiVersion": "2023-01-30"}))
    assert code == "NoRegisteredProviderFound"
    assert "'2023-01-30'" in message
    alert = {"type": "Microsoft.Insights/metricAlerts", "apiVersion": "2020-02-02", "name": "x", "location": "global"}
    assert refused(azure, template(alert))[0] == "NoRegisteredProviderFound"  # a version of its neighbor


def test_resource_type_that_the_sandbox_lacks_is_refused_with_501(azure: Deployments) -> None:
    disk = {"type": "Microsoft.Compute/disks", "apiVersion": "2024-03-02", "name": "x", "location": "westeurope"}
    for answer in (azure.validate(template(disk)), azure.put(template(disk))):
        assert refusal(answer)[:2] == (501, "NotImplementedInSandbox")


@pytest.mark.parametrize("change", [{"mode": "Complete"}, {"templateLink": {"uri": "https://x"}}, {"template": None}])
def test_deployment_mode_and_links_are_refused(azure: Deployments, change: dict[str, object]) -> None:
    body = {"properties": {"mode": "Incremental", "template": template(), **change}}
    assert refusal(azure.send("PUT", "test", body))[:2] == (400, "InvalidTemplate")


def test_deployment_name_group_and_location_are_checked(azure: Deployments) -> None:
    assert refusal(azure.put(template(), "a" * 65))[1] == "InvalidDeploymentName"
    elsewhere = Deployments(azure.sandbox, group=f"{names.RESOURCE_GROUP_ID}x")
    assert refusal(elsewhere.put(template()))[:2] == (404, "ResourceGroupNotFound")
    whole = Deployments(azure.sandbox, group=f"/subscriptions/{names.SUBSCRIPTION_ID}")
    assert refusal(whole.put(template()))[1] == "LocationRequired"


def test_caller_needs_the_permission_for_the_deployment_itself(sandbox: Sandbox, azure: Deployments) -> None:
    azure.admin.take_roles()
    azure.admin.give_role("Reader", names.RESOURCE_GROUP_ID)
    caller = Deployments(sandbox, token=Arm(sandbox).token())
    for answer, action in (
        (caller.validate(template()), "Microsoft.Resources/deployments/validate/action"),
        (caller.put(template()), "Microsoft.Resources/deployments/write"),
    ):
        status, code, message = refusal(answer)
        assert (status, code) == (403, "AuthorizationFailed")
        assert action in message


def test_caller_needs_the_permission_for_every_resource(sandbox: Sandbox, azure: Deployments) -> None:
    azure.admin.take_roles()
    azure.admin.give_role("Contributor", names.RESOURCE_GROUP_ID)
    caller = Deployments(sandbox, token=Arm(sandbox).token())
    code, message = refused(caller, template(IDENTITY, LOCK))
    lock = f"{names.RESOURCE_GROUP_ID}/providers/Microsoft.Authorization/locks/keep"
    assert code == "InvalidTemplateDeployment"
    assert message == (
        "The template deployment failed with error: 'Authorization failed for template resource 'keep' of type "
        f"'Microsoft.Authorization/locks'. The client '{names.BACKEND_CLIENT_ID}' with object id "
        f"'{names.BACKEND_PRINCIPAL_ID}' does not have permission to perform action "
        f"'Microsoft.Authorization/locks/write' at scope '{lock}'.'."
    )
    two = refused(caller, template(LOCK, LOCK | {"name": "keep2"}))[1]
    assert two.startswith("Deployment failed with multiple errors: 'Authorization failed for template resource 'keep'")
    nested = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": "inner",
        "properties": {"mode": "Incremental", "template": template(LOCK)},
    }
    assert "template resource 'keep'" in refused(caller, template(nested))[1]
