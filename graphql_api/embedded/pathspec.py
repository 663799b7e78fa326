"""Paths into documents, as `pluck`, `without` and `has_fields` take them.

A path is a field's name, an array of paths, or an object whose keys are fields and whose values
are paths below them, or `true` for the field itself.

Source: src/rdb_protocol/pathspec.cc.
"""

from __future__ import annotations

from typing import TypeAlias

from graphql_api.embedded.datum import Datum, Document, as_object, pretty_print
from graphql_api.embedded.errors import ReqlError, logic_error
from graphql_api.embedded.pseudo_types import sanitized

PathSpec: TypeAlias = "str | list[PathSpec] | dict[str, PathSpec]"


def parse_paths(path: Datum) -> PathSpec:
    """Return the path that an argument names, or several in an array.

    Raises:
        ReqlError: It is neither a string, an array nor an object of paths.
    """
    if isinstance(path, str):
        return path
    if isinstance(path, list):
        return [parse_paths(item) for item in path]
    if isinstance(path, dict):
        whole: list[PathSpec] = [name for name, below in path.items() if below is True]
        partial = {name: parse_paths(below) for name, below in path.items() if below is not True}
        return [*whole, partial] if whole else partial
    raise logic_error(f"Invalid path argument `{pretty_print(path)}`.")


def project(value: Datum, path: PathSpec) -> Document:
    """Return what the paths name of an object (`pluck`)."""
    fields = as_object(value)
    if isinstance(path, str):
        return {path: fields[path]} if path in fields else {}
    result: Document = {}
    if isinstance(path, list):
        for item in path:
            result.update(project(fields, item))
        return sanitized(result)
    for name, below in path.items():
        if name in fields:
            try:
                result[name] = _project_below(fields[name], below)
            except ReqlError:
                continue  # no object there: the path names nothing
    return sanitized(result)


def _project_below(value: Datum, path: PathSpec) -> Datum:
    if isinstance(value, list):
        return [project(item, path) for item in value]
    return project(value, path)


def unproject(value: Datum, path: PathSpec) -> Document:
    """Return an object without what the paths name (`without`)."""
    result = dict(as_object(value))
    _remove(result, path)
    return sanitized(result)


def _remove(fields: Document, path: PathSpec) -> None:
    if isinstance(path, str):
        fields.pop(path, None)
    elif isinstance(path, list):
        for item in path:
            _remove(fields, item)
    else:
        for name, below in path.items():
            if name in fields:
                try:
                    fields[name] = _unproject_below(fields[name], below)
                except ReqlError:
                    continue  # no object there: nothing to remove


def _unproject_below(value: Datum, path: PathSpec) -> Datum:
    if isinstance(value, list):
        return [unproject(item, path) for item in value]
    return unproject(value, path)


def has_all(value: Datum, path: PathSpec) -> bool:
    """Return whether everything that the paths name is there and not null (`has_fields`)."""
    if isinstance(path, list):
        return all(has_all(value, item) for item in path)
    if not isinstance(value, dict):
        return False
    if isinstance(path, str):
        return value.get(path) is not None
    return all(name in value and has_all(value[name], below) for name, below in path.items())
