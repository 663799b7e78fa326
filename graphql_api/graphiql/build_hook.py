"""Has hatchling build GraphiQL's page before it packs it, and pack the client package too."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class GraphiQLBuildHook(BuildHookInterface[BuilderConfig]):
    """Builds the page for a wheel or an sdist, unless it is there; an editable install needs none.

    Without npm that fails, rather than making a package whose GraphiQL needs internet.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the client package, and build the page, as hatchling begins."""
        if version == "editable":
            return
        if self.target_name == "wheel":
            build_data["force_include"]["clients/javascript"] = "graphql_api/javascript/package"
        # Neither this file nor its neighbour can be imported by name: nothing is installed yet.
        build = runpy.run_path(str(Path(self.root, "graphql_api/graphiql/build.py")))
        if build["is_current"]():
            return
        try:
            build["build_page"](build["run_aloud"])
        except build["BuildError"] as error:
            sys.exit(f"GraphiQL cannot be built into the package: {error}")
