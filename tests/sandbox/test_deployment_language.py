"""The language of templates: every expression is an output of a deployment without resources."""

from datetime import date
from typing import Any
from uuid import UUID, uuid5

import pytest

from sandbox import names
from tests.support.sandbox.deployments import Deployments, refusal, template
from tests.support.sandbox_client import Sandbox

GROUP = names.RESOURCE_GROUP_ID
GUIDS = UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")  # the namespace of guid(), as documented
ROLES = "Microsoft.Authorization/roleDefinitions"


@pytest.fixture(scope="module")
def azure(sandbox: Sandbox) -> Deployments:
    sandbox.reset()
    return Deployments(sandbox)


def value(azure: Deployments, expression: str, **parts: Any) -> Any:  # noqa: ANN401 - what JSON may hold
    whole = template(outputs={"x": {"type": "object", "value": {"x": expression}}}, **parts)
    return azure.outputs(whole)["x"]["x"]


@pytest.mark.every_case("each is one line of the language, and takes 20 ms")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("plain", "plain"),
        ("[[not an expression]", "[not an expression]"),
        ("[concat('it''s ', 1, true())]", "it's 1True"),
        ("[concat(createArray(1), createArray(2, 'x'))]", [1, 2, "x"]),
        ("[format('{0}-{1}/{0}', 'a', 2)]", "a-2/a"),
        ("[toLower(toUpper('aB'))]", "ab"),
        ("[tolower('AB')]", "ab"),
        ("[substring('abcdef', 2, 3)]", "cde"),
        ("[take('abc', 2)]", "ab"),
        ("[take(createArray(1, 2, 3), 9)]", [1, 2, 3]),
        ("[skip(createArray(1, 2, 3), 1)]", [2, 3]),
        ("[length('abc')]", 3),
        ("[length(createObject('a', 1, 'b', 2))]", 2),
        ("[split('a,b;c', createArray(',', ';'))]", ["a", "b", "c"]),
        ("[replace('a-b-c', '-', '')]", "abc"),
        ("[contains(createObject('Key', 1), 'kEY')]", True),
        ("[contains('abc', 'B')]", False),
        ("[contains(createArray('a', 1), 1)]", True),
        ("[json('{\"a\": [1, null]}').A[0]]", 1),
        ("[string(createObject('a', createArray(1, true())))]", '{"a":[1,true]}'),
        ("[equals('a', 'A')]", False),
        ("[equals(1, '1')]", False),
        ("[and(true(), not(false()), or(false(), true()))]", True),
        ("[if(false(), json('no JSON'), 'lazy')]", "lazy"),
        ("[coalesce(null(), 'x')]", "x"),
        ("[empty(createArray())]", True),
        ("[empty('')]", True),
        ("[tryGet(createObject('a', createObject('b', 3)), 'A', 'b')]", 3),
        ("[coalesce(tryGet(createObject(), 'a'), 4)]", 4),
        (
            "[union(createObject('a', 1, 'b', createObject('c', 2)), createObject('b', createObject('d', 3)))]",
            {"a": 1, "b": {"c": 2, "d": 3}},
        ),
        ("[union(createArray(1, 2), createArray(2, 3))]", [1, 2, 3]),
        ("[min(3, 1)]", 1),
        ("[max(createArray(3, 1))]", 3),
        ("[add(1, mul(2, 3))]", 7),
        ("[range(2, 3)]", [2, 3, 4]),
        ("[first('abc')]", "a"),
        ("[last(createArray(1, 2))]", 2),
        ("[join(createArray('a', 'b'), '+')]", "a+b"),
        ("[int('12')]", 12),
        ("[base64('abc')]", "YWJj"),
        ("[startsWith('abc', 'AB')]", True),
        ("[endsWith('abc', 'bc')]", True),
        ("[guid('a', 'b')]", str(uuid5(GUIDS, "a-b"))),
        ("[length(uniqueString('a'))]", 13),
        (
            "[resourceId('Microsoft.Web/sites/config', 's', 'web')]",
            f"{GROUP}/providers/Microsoft.Web/sites/s/config/web",
        ),
        ("[resourceId('Microsoft.Web/sites/', 's')]", f"{GROUP}/providers/Microsoft.Web/sites/s"),
        (
            "[resourceId('other', 'Microsoft.Web/sites', 's')]",
            f"/subscriptions/{names.SUBSCRIPTION_ID}/resourceGroups/other/providers/Microsoft.Web/sites/s",
        ),
        (
            "[resourceId('sub', 'other', 'Microsoft.Web/sites', 's')]",
            "/subscriptions/sub/resourceGroups/other/providers/Microsoft.Web/sites/s",
        ),
        (f"[subscriptionResourceId('{ROLES}', 'x')]", f"/subscriptions/{names.SUBSCRIPTION_ID}/providers/{ROLES}/x"),
        (
            "[extensionResourceId('/a/b', 'Microsoft.Authorization/locks', 'x')]",
            "/a/b/providers/Microsoft.Authorization/locks/x",
        ),
        ("[subscription().TENANTID]", names.TENANT_ID),
        ("[resourceGroup().location]", "westeurope"),
        ("[deployment().name]", "test"),
        ("[environment().suffixes.storage]", "core.windows.net"),
        ("[environment().authentication.loginEndpoint]", "https://login.microsoftonline.com/"),
    ],
)
def test_expression_has_the_documented_value(azure: Deployments, expression: str, expected: object) -> None:
    assert value(azure, expression) == expected


@pytest.mark.every_case("each is one refusal, and takes 40 ms")
@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("[concat('a']", "Unable to parse language expression"),
        ("[nonsense('a')]", "The template function 'nonsense' is not valid"),
        ("[toLower(1)]", "function 'toLower' expects its parameter to be a string"),
        ("[toLower('a', 'b')]", "function requires 1 argument(s) while 2 were provided"),
        ("[substring('abc', 2, 5)]", "must refer to a location within the string"),
        ("[parameters('none')]", "The template parameter 'none' is not found"),
        ("[variables('none')]", "The template variable 'none' is not found"),
        ("[createObject('a', 1).b]", "property 'b' doesn't exist, available properties are 'a'"),
        ("[createArray(1)[1]]", "array index '1' is out of bounds"),
        ("[resourceId('sites', 'x')]", "function requires fully qualified resource type 'sites'"),
        ("[resourceId('Microsoft.Web/sites/config', 'x')]", "requires '2' resource name argument(s)"),
        ("[if('yes', 1, 2)]", "all arguments should be of type 'boolean'"),
        ("[utcNow()]", "The template function 'utcNow' is not expected at this location"),
        ("[newGuid()]", "The template function 'newGuid' is not expected at this location"),
        ("[copyIndex()]", "The template function 'copyIndex' is not expected at this location"),
        ("[reference('none')]", "The template reference 'none' is not valid"),
        ("[reference(resourceId('Microsoft.Web/sites', 'x'))]", "The resource 'Microsoft.Web/sites/x' is not defined"),
    ],
)
def test_invalid_expression_is_refused_with_the_reason(azure: Deployments, expression: str, why: str) -> None:
    whole = template(outputs={"x": {"type": "string", "value": expression}})
    for response in (azure.validate(whole), azure.put(whole)):
        status, code, message = refusal(response)
        assert (status, code) == (400, "InvalidTemplate")
        assert why in message


def test_variables_refer_to_parameters_and_to_each_other(azure: Deployments) -> None:
    parts = {
        "parameters": {"name": {"type": "string", "defaultValue": "[concat('a', 'b')]"}},
        "variables": {"second": "[concat(variables('first'), '2')]", "first": "[parameters('NAME')]"},
    }
    assert value(azure, "[variables('Second')]", **parts) == "ab2"
    loop = {"copy": [{"name": "list", "count": 3, "input": "[copyIndex('list', 1)]"}]}
    assert value(azure, "[variables('list')]", variables=loop) == [1, 2, 3]
    circle = template(variables={"a": "[variables('b')]", "b": "[variables('a')]"})
    assert "refers to itself" in refusal(azure.validate(circle))[2]


def test_time_is_known_only_in_the_default_of_a_parameter(azure: Deployments) -> None:
    now = {"now": {"type": "string", "defaultValue": "[utcNow('yyyy-MM-dd')]"}}
    assert date.fromisoformat(value(azure, "[parameters('now')]", parameters=now))
    assert refusal(azure.validate(template(variables={"now": "[utcNow()]"})))[1] == "InvalidTemplate"


def test_body_with_comments_and_an_unquoted_name_is_read(azure: Deployments) -> None:
    text = """{"properties": {"mode": "Incremental", template:{
      // a comment with "quotes"
      "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", /* and
      another */ "contentVersion": "1.0.0.0", "resources": [],
      "outputs": {"x": {"type": "string", "value": "// no comment, \\"really\\": true"},},
    }}}"""
    assert azure.send("PUT", "test", text).status_code in (200, 201)
    shown = azure.send("GET", "test").json()["properties"]["outputs"]
    assert shown == {"x": {"type": "String", "value": '// no comment, "really": true'}}
    assert refusal(azure.send("PUT", "test", "{"))[1] == "InvalidRequestContent"
