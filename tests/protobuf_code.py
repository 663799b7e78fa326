"""What is made of `starbelly.proto`: `python -m tests.protobuf_code` writes it, or checks it.

The compiler is that of grpcio-tools, whose version the lock of the tests fixes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from grpc_tools import protoc

ROOT = Path(__file__).parents[1]
SOURCE = Path("graphql_api/protocols/starbelly/starbelly.proto")


def made(root: Path = ROOT) -> Mapping[Path, bytes]:
    """The files to make, and what they hold."""
    with TemporaryDirectory() as folder:
        arguments = [f"--proto_path={root}", f"--python_out={folder}", f"--pyi_out={folder}"]
        if protoc.main(["protoc", *arguments, str(root / SOURCE)]):
            raise SystemExit(1)
        files = sorted(file for file in Path(folder).rglob("*") if file.is_file())
        return {file.relative_to(folder): file.read_bytes() for file in files}


def out_of_date(root: Path = ROOT) -> list[str]:
    """The files that are not what would be made."""
    return [
        str(file)
        for file, content in made(root).items()
        if not (root / file).is_file() or (root / file).read_bytes() != content
    ]


def main(arguments: list[str]) -> int:
    """Write the files, or, with `--check`, say which are out of date."""
    if arguments == ["--check"]:
        if old := out_of_date():
            sys.stderr.write(f"Out of date: {', '.join(old)}. Run `make proto`.\n")
        return bool(old)
    for file, content in made().items():
        (ROOT / file).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
