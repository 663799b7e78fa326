"""GraphiQL, the page in which people explore the API: served without internet, once it is built.

| where | what |
|---|---|
| `page/` | the page's sources, an npm package |
| `build.py`, `build_hook.py` | `page/` to `dist/`: for `make`, and for the build of the wheel |
| `dist/` | the build; not in git, but in the wheel |
| `routes.py` | serves it |
"""
