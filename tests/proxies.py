"""nginx and Caddy by the files of `docs/`, changed only as `docs/deployment.md` says."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import needs
from tests.certificates import Authority
from tests.server.client import WAIT_S
from tests.server.running import Running

DOCS = Path(__file__).parents[1] / "docs"
PATH = "/tools/graphql-api/"
"""The path of the table's row `below a path`."""
FILES = {"nginx": "nginx.conf", "caddy": "Caddyfile"}
"""The file of each program."""
ROWS = {"another port", "below a path", "without TLS", "a certificate of your own"}


@dataclass(frozen=True)
class Proxied:
    """Where a proxy is.

    Attributes:
        port: The port that it listens on, at `localhost`.
        tls: Whether it speaks TLS.
        path: What the path of each URL begins with; it ends with a slash.
        certificate: The file of the certificate that clients trust.
        client_context: Trusts the proxy's certificate; None without TLS.
    """

    port: int
    tls: bool
    path: str
    certificate: Path
    client_context: ssl.SSLContext | None

    @property
    def host(self) -> str:
        return "localhost"

    @property
    def origin(self) -> str:
        return f"http{'s' if self.tls else ''}://{self.host}:{self.port}"

    @property
    def http(self) -> str:
        """The URL of the site, without a slash at the end."""
        return self.origin + self.path.removesuffix("/")

    @property
    def ws(self) -> str:
        return f"{self.http}/graphql".replace("http", "ws", 1)


def replacements(program: str) -> dict[str, list[tuple[str, str]]]:
    """The replacements of the table in `deployment.md`, by the first column of their row."""
    column = 1 + list(FILES.values()).index(FILES[program])
    found = {}
    for line in (DOCS / "deployment.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if "→" in line and len(cells) == 1 + len(FILES):
            pairs = re.findall(r"`([^`]+)` → (?:`([^`]+)`|nothing)", cells[column])
            assert len(pairs) == cells[column].count("→"), line
            found[cells[0].partition(" (")[0]] = pairs
    assert found.keys() == ROWS
    return found


def replaced(text: str, pairs: Mapping[str, str] | list[tuple[str, str]]) -> str:
    """A file after replacements, in their order; each must have something to replace."""
    for old, new in pairs.items() if isinstance(pairs, Mapping) else pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def configuration(
    program: str, server: Running, port: int, *, tls: bool, path: str, certificate: Path
) -> str:
    """The file of `docs/` with what an operator replaces.

    Args:
        program: `nginx` or `caddy`.
        server: The server behind the proxy.
        port: The port to listen on.
        tls: Whether to speak TLS.
        path: `/`, or `PATH`.
        certificate: The certificate's file, in whose place there is the key's file with `.key`.
    """
    table = replacements(program)
    changes = [*table["another port"]]
    if path != "/":
        changes += table["below a path"]
    changes += table["a certificate of your own"] if tls else table["without TLS"]
    text = replaced((DOCS / FILES[program]).read_text(encoding="utf-8"), changes)
    examples = {"live.example.org": "localhost", "8443": str(port)}
    examples["127.0.0.1:8000"] = f"{server.host}:{server.port}"
    if tls:
        examples["/etc/ssl/private/live"] = str(certificate.with_suffix(""))
    return replaced(text, examples)


def nginx_arguments(directory: Path, site: str) -> list[str]:
    """The arguments by which nginx serves a site, in `http { }`, on loopback addresses."""
    site = replaced(site, {"listen ": "listen 127.0.0.1:", "127.0.0.1:[::]:": "[::1]:"})
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = " ".join(f"{kind}_temp_path {directory / kind};" for kind in kinds)
    user = "user root;" if os.geteuid() == 0 else ""  # else it cannot read the test's directory
    file = directory / "nginx.conf"
    file.write_text(
        f"{user} daemon off; pid {directory}/pid; events {{}}\n"
        f"http {{ access_log off; {paths}\n{site} }}"
    )
    return ["-e", "stderr", "-c", str(file)]


def caddy_arguments(directory: Path, site: str) -> list[str]:
    """The same of Caddy; it has no port for its administration, nor port 80."""
    site = re.sub(
        r"^\S*localhost:[0-9]+ {$", r"\g<0>\nbind 127.0.0.1 [::1]", site, flags=re.MULTILINE
    )
    assert "bind" in site
    file = directory / "Caddyfile"
    file.write_text(f"{{\nadmin off\nauto_https disable_redirects\n}}\n{site}")
    return ["run", "--adapter", "caddyfile", "--config", str(file)]


@asynccontextmanager
async def proxy(
    program: str, server: Running, port: int, directory: Path, *, tls: bool, path: str
) -> AsyncIterator[Proxied]:
    """A proxy that listens, until the context is left.

    Args:
        program: `nginx` or `caddy`.
        server: The server behind it, which is ready: Caddy gives a server that is not ready
            nothing until it looks again.
        port: The port to listen on.
        directory: An empty one, for its files.
        tls: Whether it speaks TLS.
        path: `/`, or `PATH`.
    """
    path_of_program = needs.program(program)
    authority = Authority()
    chain, key = authority.issue(directory)
    certificate = Path(shutil.move(chain, directory / "site.pem"))
    shutil.move(key, certificate.with_suffix(".key"))
    site = configuration(program, server, port, tls=tls, path=path, certificate=certificate)
    arguments = {"nginx": nginx_arguments, "caddy": caddy_arguments}[program](directory, site)
    environment = os.environ | {"XDG_DATA_HOME": str(directory), "XDG_CONFIG_HOME": str(directory)}
    with (directory / "log").open("w+") as log:
        process = await asyncio.create_subprocess_exec(
            path_of_program, *arguments, stdout=log, stderr=log, env=environment
        )
        try:
            async with asyncio.timeout(WAIT_S):
                while not await _listens(port):
                    assert process.returncode is None, (directory / "log").read_text()
                    await asyncio.sleep(0.05)
            yield Proxied(
                port,
                tls,
                path,
                authority.write(directory / "authority.pem"),
                authority.client_context() if tls else None,
            )
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
