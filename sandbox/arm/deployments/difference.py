"""The differences between a resource of a template and the one that exists, in the format of what-if."""

from typing import Any, Final

from sandbox.arm.deployments.values import key_of

_WHOLE: Final = frozenset({"tags"})  # objects whose members are removed if the template lacks them
_ANY_CASE: Final = frozenset({"location", "type", "kind"})


def differences(after: Any, before: Any, path: str = "") -> list[dict[str, Any]]:  # noqa: ANN401 - what JSON may hold
    """Return what would change. A member that the template does not name stays as it is."""
    if isinstance(after, dict) and isinstance(before, dict):
        return _of_objects(after, before, path)
    if isinstance(after, list) and isinstance(before, list):
        return _of_lists(after, before, path)
    return [] if _is_same(after, before, path) else [_one(path, "Modify", before, after)]


def _of_objects(after: dict[str, Any], before: dict[str, Any], path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, value in after.items():
        where = f"{path}.{name}" if path else name
        known = key_of(before, name)
        if known is not None:
            found += differences(value, before[known], where)
        elif value not in (None, {}, []):
            found.append(_one(where, "Create", None, value))
    if path in _WHOLE:
        gone = [name for name in before if key_of(after, name) is None]
        found += [_one(f"{path}.{name}", "Delete", before[name], None) for name in gone]
    return found


def _of_lists(after: list[Any], before: list[Any], path: str) -> list[dict[str, Any]]:
    """Return one difference with those of the elements. An element is compared with the existing one most like it."""
    left, children = list(before), []
    for index, item in enumerate(after):
        alike = next((one for one in left if not differences(item, one, path)), None)
        if alike is not None:
            left.remove(alike)
        else:
            children.append(_one(str(index), "Create", None, item))
    children += [_one(str(before.index(one)), "Delete", one, None) for one in left]
    if path.endswith("accessPolicies"):  # they are added to those that the vault has
        children = [child for child in children if child["propertyChangeType"] == "Create"]
    return [{**_one(path, "Array", None, None), "children": children}] if children else []


def _is_same(after: Any, before: Any, path: str) -> bool:  # noqa: ANN401 - what JSON may hold
    if isinstance(after, str) and isinstance(before, str):
        one, other = after.lower(), before.lower()
        if after.startswith("/"):  # a role's ID may have the scope of the assignment in it
            return one == other or one.rpartition("/roledefinitions/")[2] == other.rpartition("/roledefinitions/")[2]
        if path.rpartition(".")[2] in _ANY_CASE:
            return one.replace(" ", "") == other.replace(" ", "")
    return bool(after == before)


def _one(path: str, kind: str, before: Any, after: Any) -> dict[str, Any]:  # noqa: ANN401 - what JSON may hold
    return {"path": path, "propertyChangeType": kind, "before": before, "after": after, "children": None}
