"""The console's script: modules joined in the order of their imports, and every other form refused."""

import shutil
import subprocess
from pathlib import Path

import pytest

from settings.console.script import ModuleError, joined
from tests.support.tiers import require

LIBRARY = {"vendor/library.mjs": "./library.mjs"}
MODULES = {
    "js/main.js": 'import { shown } from "./views/view.js";\nconsole.log(shown("a"));\n',
    "js/views/view.js": """/** @typedef {import("../types.js").Thing} Thing */
import { twice as doubled } from "../../vendor/library.mjs";
import * as part from "../part.js";
import {
  OTHER,
  Shape,
} from "../part.js";
export const first = "first";
/** @param {string} x */
export function shown(x) {
  return doubled(x) + part.own() + OTHER + new Shape().name;
}
""",
    "js/part.js": """const first = "hidden";
export const OTHER = "-";
export class Shape { name = first; }
export function own() { return first; }
export async function later() { return (await import("./late.js")).late; }
""",
    "js/late.js": 'import { OTHER } from "./part.js";\nexport const late = OTHER;\n',
}


def run_in_node(script: str, folder: Path) -> str:
    node = shutil.which("node")
    require("Node", "" if node else "Node is missing. Run `make setup` to install it.")
    done = subprocess.run(  # noqa: S603 - the test's own script
        [str(node), "--input-type=module", "--eval", script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_joined_modules_run_as_they_would_apart(tmp_path: Path) -> None:
    (tmp_path / "library.mjs").write_text("export const twice = x => x + x;\n", encoding="utf-8")
    assert run_in_node(joined(MODULES, "js/main.js", LIBRARY), tmp_path) == "aahidden-hidden"


def test_module_that_is_imported_later_is_ready_when_it_is_needed(tmp_path: Path) -> None:
    main = 'import { later } from "./part.js";\nlater().then((late) => console.log(late));\n'
    assert run_in_node(joined({**MODULES, "js/main.js": main}, "js/main.js", LIBRARY), tmp_path) == "-"


def test_script_imports_each_library_once_and_keeps_it_separate() -> None:
    modules = {
        "js/main.js": 'import { a } from "../vendor/l.js";\nimport "./b.js";\na();\n',
        "js/b.js": 'import { b } from "../vendor/l.js";\nb();\n',
    }
    script = joined(modules, "js/main.js", {"vendor/l.js": "/l.js?v=1"})
    assert script.count("import ") == 1
    assert script.startswith('import * as $vendor_l_js from "/l.js?v=1";\n')


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('import { a } from "./gone.js";', "js/gone.js does not exist"),
        ('const a = import("./gone.js");', "js/gone.js does not exist"),
        ('import { a } from "./main.js";', "js/main.js -> js/main.js"),
        ("export default 1;", "export default 1;"),
        ("export let a = 1;", "export let a = 1;"),
        ('export * from "./b.js";', "export \\*"),
        ("export { a };", "export { a }"),
        ('import a from "./b.js";', "import a from"),
        ('import { a } from "library";', "import { a } from"),
        ("import { a } from './b.js';", "import { a } from"),
        ("const a = import(name);", "import\\(name\\)"),
        ("const a = import.meta.url;", "import.meta"),
        ('/* a\nb */ import("./b.js?x" + y);', "import\\("),
    ],
)
def test_other_form_of_a_module_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ModuleError, match=reason):
        joined({"js/main.js": f"{text}\n", "js/b.js": "export const b = 1;\n"}, "js/main.js", {})


def test_circle_is_refused_with_its_modules() -> None:
    modules = {"js/main.js": 'import { b } from "./b.js";\n', "js/b.js": 'import { c } from "./main.js";\n'}
    with pytest.raises(ModuleError, match=r"js/main.js -> js/b.js -> js/main.js"):
        joined(modules, "js/main.js", {})
