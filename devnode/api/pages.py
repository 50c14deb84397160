"""The public web server: cluster-admin and the pages of the modules, below /cluster-admin/."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "/cluster-admin"
REVALIDATE = ("index.html", "metadata.json", "translation.json", "shortcuts.json")
NO_PAGE = "The page is not built. Build it with: cd ui && npm ci && npm run build:host\n"


class Pages:
    """Static files: the host page and, in apps/<id>/, the page of each module."""

    def __init__(self, host_page: Path, apps: Path) -> None:
        self._host_page = host_page
        self._apps = apps

    def add_routes(self, app: web.Application) -> None:
        """Add the paths of all pages; those of the API have to be there before."""
        app.router.add_get("/", self._redirect)
        app.router.add_get(PREFIX, self._redirect)
        app.router.add_get(PREFIX + "/apps/{tail:.*}", self._app)
        app.router.add_get(PREFIX + "/{tail:.*}", self._host)

    async def _redirect(self, _request: web.Request) -> web.Response:
        raise web.HTTPMovedPermanently(f"{PREFIX}/")

    async def _app(self, request: web.Request) -> web.StreamResponse:
        return _file(self._apps, request.match_info["tail"])

    async def _host(self, request: web.Request) -> web.StreamResponse:
        if not self._host_page.is_dir():
            return web.Response(status=503, text=NO_PAGE)
        return _file(self._host_page, request.match_info["tail"])


def _file(folder: Path, name: str) -> web.StreamResponse:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise web.HTTPNotFound
    if path.is_dir():
        path /= "index.html"
    if not path.is_file():
        raise web.HTTPNotFound
    caching = "no-cache" if path.name in REVALIDATE or path.suffix == ".html" else "max-age=3600"
    return web.FileResponse(path, headers={"Cache-Control": caching})
