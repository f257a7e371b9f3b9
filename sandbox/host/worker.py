"""Import and index an app as the Python worker does."""

import importlib
import sys
from pathlib import Path

import azure.functions as func
from azure.functions.decorators.function_app import Function

SCRIPT = "function_app.py"


class AppRefusedError(Exception):
    """The worker loads no function of this app. The text states why."""


def functions_of(root: Path) -> list[Function]:
    """Import function_app.py and return its functions. The library allows only one call per process.

    Raises:
        AppRefusedError: The worker would load nothing of this app. The cause is chained.
    """
    if not (root / SCRIPT).is_file():
        raise AppRefusedError(f"Missing {SCRIPT} in {root}.")
    sys.path.insert(0, str(root))
    try:
        module = importlib.import_module(Path(SCRIPT).stem)
    except ImportError as error:
        raise AppRefusedError(f"Couldn't find a module that {SCRIPT} imports: {error}. Is it installed?") from error
    except SystemExit as error:
        raise AppRefusedError(f"{SCRIPT} exits the process (SystemExit) while it is imported.") from error
    except Exception as error:
        raise AppRefusedError(f"{SCRIPT} fails while it is imported: {_description(error)}") from error
    apps = {name: value for name, value in vars(module).items() if isinstance(value, func.FunctionRegister)}
    if not apps:
        raise AppRefusedError(f"{SCRIPT} has no FunctionApp at its top level.")
    if len(apps) > 1:
        raise AppRefusedError(f"{SCRIPT} has more than one FunctionApp name at its top level: {', '.join(apps)}.")
    try:
        functions: list[Function] = next(iter(apps.values())).get_functions()
    except Exception as error:
        raise AppRefusedError(_description(error)) from error
    if not functions:
        raise AppRefusedError(f"{SCRIPT} declares no function: Azure reports 'no job functions found'.")
    return functions


def _description(error: Exception) -> str:
    # str() of a KeyError is the repr of its text.
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return f"{type(error).__name__}: {text}"
