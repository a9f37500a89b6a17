"""Headwater inside Airflow's API server: two pages behind its login, and the inbox.

    /headwater/health           how every container is doing
    /headwater/models           the dbt docs of the last build
    /headwater/webhooks/<name>  the inbox; a delivery's signature is its login

Airflow does not guard what a plugin mounts. So each page asks for the UI's own user, by the cookie
that a browser sends or by a bearer token, and for the right to see the website. The pages are HTML
without a line from another host, and say so to the browser.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import Any, Final

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_view
from airflow.models.dag import DagModel
from fastapi import Depends, FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response
from sqlalchemy import select

from include import health
from include.health_page import SCRIPT, render
from include.inbox import Inbox
from include.settings import Settings

_SCRIPT_HASH: Final = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
_HEALTH_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self';"
    f" script-src 'sha256-{_SCRIPT_HASH}'"
)
# dbt's page is one file that compiles its own templates.
_MODELS_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline';"
    " img-src data:; font-src data:; connect-src data: blob:; frame-ancestors 'self'"
)


def build_app(settings: Settings) -> FastAPI:
    """The application that Airflow mounts below /headwater."""
    app = FastAPI(title="Headwater", openapi_url=None, docs_url=None, redoc_url=None)
    behind_login = [Depends(requires_access_view(AccessView.WEBSITE))]

    @app.get("/health", dependencies=behind_login, response_class=HTMLResponse)
    def show_health(session: SessionDep) -> Response:
        page = render(health.read(settings), next_runs(session, settings))
        policy = {"Content-Security-Policy": _HEALTH_POLICY}
        return HTMLResponse(page, headers={**_HEADERS, **policy})

    @app.get("/models", dependencies=behind_login, response_class=HTMLResponse)
    def show_models() -> Response:
        path = settings.data / "dbt" / "target" / "static_index.html"
        headers = {**_HEADERS, "Content-Security-Policy": _MODELS_POLICY}
        if not path.exists():
            return HTMLResponse("<p>The models have not been built yet.</p>", 404, headers)
        return FileResponse(path, headers=headers, media_type="text/html")

    app.mount("/webhooks", Inbox(settings).app)
    return app


def next_runs(session: Any, settings: Settings) -> dict[str, datetime | None]:
    """When each source is synced next; None for those that are paused or have no schedule."""
    names = {f"ingest_{source.name}": source.name for source in settings.sources}
    query = select(DagModel.dag_id, DagModel.next_dagrun_create_after, DagModel.is_paused)
    rows = session.execute(query.where(DagModel.dag_id.in_(names))).all()
    return {names[dag_id]: None if is_paused else at for dag_id, at, is_paused in rows}
