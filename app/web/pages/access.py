"""Login and logout, where an access token is set."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from app.web.pages.rendering import render
from app.web.security import SESSION_COOKIE, SESSION_SECONDS, SessionSigner
from app.web.state import ServicesDep

router = APIRouter(include_in_schema=False)


@router.get("/login")
def show_login(request: Request, next: str = "/runs") -> Response:
    """Show the form."""
    return render(request, "login.html", next=_local(next), error="")


@router.post("/login")
def log_in(
    request: Request,
    services: ServicesDep,
    token: Annotated[str, Form(max_length=1000)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/runs",
) -> Response:
    """Set the session cookie if the token is right."""
    expected = services.settings.access_token.get_secret_value()
    if not expected:
        return RedirectResponse(_local(next), status_code=303)
    signer = SessionSigner(expected)
    if not signer.matches(token):
        message = "This is not the access token of this server. Its administrator set it in SEGSCOPE_ACCESS_TOKEN."
        return render(request, "login.html", status=401, next=_local(next), error=message)
    answer = RedirectResponse(_local(next), status_code=303)
    answer.set_cookie(
        SESSION_COOKIE,
        signer.issue(),
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


def _local(target: str) -> str:
    # "//host" and "/\host" would leave this server.
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/runs"
