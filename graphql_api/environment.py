"""Which variables of the environment are settings, which are a mistake, and which are a cluster's.

Every variable that begins with `GRAPHQL_API_`, or is a setting but for its underscores, is one of
some command, or it is refused: a misspelt `GRAPHQL_API_TOKENS` would leave the server open. But
Kubernetes and Docker set variables of that form by themselves, for a service that is named
`graphql-api`, or like `graphql-api-blue`:

```
GRAPHQL_API_SERVICE_HOST=10.0.0.1           GRAPHQL_API_SERVICE_PORT=80     …_SERVICE_PORT_HTTP=80
GRAPHQL_API_PORT=tcp://10.0.0.1:80          GRAPHQL_API_PORT_80_TCP=tcp://10.0.0.1:80
GRAPHQL_API_PORT_80_TCP_PROTO=tcp           GRAPHQL_API_PORT_80_TCP_PORT=80 …_80_TCP_ADDR=10.0.0.1
GRAPHQL_API_NAME=/watcher/graphql-api       GRAPHQL_API_ENV_PATH=/bin       (Docker's links only)
```

These are ignored, each recognised by its name and by its value.

Sources: kubernetes/pkg/kubelet/envvars/envvars.go; Docker's documentation of legacy links.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Collection, Mapping

PREFIX = "GRAPHQL_API_"

_URL = re.compile(r"(?:tcp|udp|sctp)://[^/\s]+:[0-9]+", re.IGNORECASE)
_OWNER = r"GRAPHQL_API(?:_[A-Z0-9_]+?)?"
_PORT = r"_PORT_[0-9]+_(?:TCP|UDP|SCTP)"


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value.strip("[]"))
    except ValueError:
        return False
    return True


def _is_url(value: str) -> bool:
    return _URL.fullmatch(value) is not None


def _is_number(value: str) -> bool:
    return value.isdecimal()


def _is_protocol(value: str) -> bool:
    return value.lower() in {"tcp", "udp", "sctp"}


def _is_link(value: str) -> bool:
    return re.fullmatch(r"/[\w.-]+/[\w.-]+", value) is not None


_FORMS: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
    (re.compile(f"{_OWNER}_SERVICE_HOST"), _is_address),
    (re.compile(f"{_OWNER}_SERVICE_PORT(?:_[A-Z0-9_]+)?"), _is_number),
    (re.compile(f"{_OWNER}_PORT"), _is_url),
    (re.compile(f"{_OWNER}{_PORT}"), _is_url),
    (re.compile(f"{_OWNER}{_PORT}_PROTO"), _is_protocol),
    (re.compile(f"{_OWNER}{_PORT}_PORT"), _is_number),
    (re.compile(f"{_OWNER}{_PORT}_ADDR"), _is_address),
    (re.compile(f"{_OWNER}_NAME"), _is_link),
)
_LINKED = re.compile(f"(?P<owner>{_OWNER})_ENV_.+")


def is_of_a_service(name: str, environ: Mapping[str, str]) -> bool:
    """Whether Kubernetes or Docker has set this variable for a service.

    Args:
        name: A variable of the environment.
        environ: The environment.
    """
    upper, value = name.upper(), environ[name]
    if any(form.fullmatch(upper) and is_fit(value) for form, is_fit in _FORMS):
        return True
    linked = _LINKED.fullmatch(upper)
    if linked is None:
        return False
    link = f"{linked['owner']}_NAME"
    return link in environ and is_of_a_service(link, environ)


def mistakes(environ: Mapping[str, str], known: Collection[str]) -> list[str]:
    """The mistakes in names of variables, one text for each that no command has.

    Args:
        environ: The environment.
        known: The variables of all commands, in upper case.
    """
    found = []
    squeezed = {_squeezed(name) for name in known}
    for name in sorted(environ):
        is_like_one = name.upper().startswith(PREFIX) or _squeezed(name) in squeezed
        if not is_like_one or name.upper() in known:
            continue
        if is_of_a_service(name, environ):
            continue
        near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.6)
        meant = f"; did you mean {near[0]}?" if near else ""
        found.append(f"{name} in the environment is no setting of any command{meant}")
    return found


def _squeezed(name: str) -> str:
    """A name without what is easily left out of it or written otherwise: `GRAPHQL_APITOKENS`."""
    return re.sub(r"[^A-Z0-9]", "", name.upper())


def settings_of(environ: Mapping[str, str], known: Collection[str]) -> dict[str, str]:
    """The environment without what a service has set in the place of a setting."""
    services = set(_in_place_of_settings(environ, known))
    return {name: value for name, value in environ.items() if name not in services}


def remarks(environ: Mapping[str, str], known: Collection[str]) -> list[str]:
    """The remarks for the log on variables that look like settings and are a service's."""
    return [
        f"{name} is ignored: Kubernetes or Docker has set it for a service, it is no setting "
        "(`enableServiceLinks: false` keeps it away); the flag sets it"
        for name in _in_place_of_settings(environ, known)
    ]


def _in_place_of_settings(environ: Mapping[str, str], known: Collection[str]) -> list[str]:
    return [
        name for name in sorted(environ) if name.upper() in known and is_of_a_service(name, environ)
    ]
