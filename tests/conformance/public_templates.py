"""Templates of others in the sandbox: `python -m tests.conformance.public_templates FILE ...`.

Deploys each template into a new resource group: validation, what-if, deployment, and a second what-if that must have
nothing to create. The files are not in this project, because those of CIPP have another license. Get them from the
repositories that docs/testing.md names. A parameter without a default gets a value that is made of its name.
"""

import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from sandbox.arm.deployments.template_text import read_text
from tests.support.admin import SUBSCRIPTION
from tests.support.sandbox.deployments import Deployments
from tests.support.sandbox_client import Sandbox

GROUP: Final = f"{SUBSCRIPTION}/resourceGroups/public-templates"
_MOST_LETTERS: Final = 20  # a storage account may have 24


def values(template: dict[str, Any]) -> dict[str, object]:
    """Return a value for each parameter that has no default."""
    kinds = {name: rule["type"].lower() for name, rule in template.get("parameters", {}).items()}
    needed = [name for name, rule in template.get("parameters", {}).items() if "defaultValue" not in rule]
    made: dict[str, object] = {"int": 1, "bool": False, "array": [], "object": {}, "secureobject": {}}
    return {name: made.get(kinds[name], _text(name)) for name in needed}


def _text(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())[:_MOST_LETTERS] + "x1"


def failures(azure: Sandbox, template: dict[str, Any]) -> Iterator[str]:
    """Deploy a template, and yield what fails."""
    azure.reset(propagation_seconds=0)
    deployments = Deployments(azure, group=GROUP)
    deployments.admin.call("PUT", GROUP, "2022-09-01", {"location": "westeurope"})
    given = values(template)
    validated = deployments.validate(template, **given)
    if not validated.ok:
        yield f"validation: {validated.text}"
        return
    before = deployments.what_if(template, **given)
    if not before.get("Create"):
        yield f"what-if has nothing to create: {before}"
    ended = deployments.deploy(template, **given)
    if ended["provisioningState"] != "Succeeded":
        yield f"deployment: {ended['error']}"
        return
    after = deployments.what_if(template, **given)
    if "Create" in after:
        yield f"what-if after the deployment would create {after['Create']}"


def main(arguments: Sequence[str]) -> int:
    """Deploy each file, and return 1 if one failed."""
    if not arguments:
        sys.stderr.write("Usage: python -m tests.conformance.public_templates FILE ...\n")
        return 2
    failed = False
    with tempfile.TemporaryDirectory() as folder, Sandbox(Path(folder)) as azure:
        for name in arguments:
            found = list(failures(azure, read_text(Path(name).read_bytes())))
            failed = failed or bool(found)
            sys.stdout.write("".join(f"FAILED {name}: {one}\n" for one in found) or f"deployed {name}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
