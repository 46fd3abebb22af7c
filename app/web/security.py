"""Which requests are accepted: known hosts, same origin for changes, a login off loopback, bounded bodies."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from urllib.parse import urlsplit

from itsdangerous import BadSignature, TimestampSigner
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.errors import (
    ForbiddenError,
    SegscopeError,
    SettingsError,
    TooLargeError,
    UnauthenticatedError,
)
from app.settings import Settings
from app.web.errors import error_body, wants_json

SESSION_COOKIE = "segscope_session"
SESSION_SECONDS = 30 * 24 * 3600
BODY_LIMIT_BYTES = 2 * 1024**2
UPLOAD_PATHS = ("/datasets/upload", "/api/datasets/upload")
UPLOAD_PIECES_PREFIX = "/api/uploads/"

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_PUBLIC_PREFIXES = ("/static/", "/login", "/healthz")
_CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_exposure(settings: Settings) -> None:
    """Refuse to serve others without a login.

    Raises
    ------
    SettingsError
        The address is not loopback and there is no access token.
    """
    if not is_loopback(settings.host) and not settings.access_token.get_secret_value():
        raise SettingsError(
            f"Invalid SEGSCOPE_HOST={settings.host!r}: other machines could reach it without a login; "
            "set SEGSCOPE_ACCESS_TOKEN to a long secret, or serve on 127.0.0.1."
        )


class SessionSigner:
    """Signs the login cookie with a key derived from the access token: a new token ends all sessions."""

    def __init__(self, access_token: str) -> None:
        self._token = access_token
        key = hashlib.sha256(b"segscope-session:" + access_token.encode()).hexdigest()
        self._signer = TimestampSigner(key)

    def issue(self) -> str:
        """Return a cookie value."""
        return self._signer.sign("in").decode()

    def is_valid(self, cookie: str) -> bool:
        """Whether `cookie` was issued here and has not expired."""
        try:
            self._signer.unsign(cookie, max_age=SESSION_SECONDS)
        except BadSignature:
            return False
        return True

    def matches(self, token: str) -> bool:
        """Whether `token` is the access token, compared in constant time."""
        return hmac.compare_digest(token.encode(), self._token.encode())


class SecurityMiddleware:
    """Checks every request before the application sees it and adds the security headers to every answer."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._hosts = {name.strip().lower() for name in settings.allowed_hosts.split(",") if name.strip()} | {
            settings.host.lower(),
            "localhost",
        }
        token = settings.access_token.get_secret_value()
        self._signer = SessionSigner(token) if token else None
        self._upload_limit = settings.upload_max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", _CONTENT_SECURITY_POLICY)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "same-origin")
                headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
                headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
                if not path.startswith(("/static/", "/artifacts/")):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        request = Request(scope, receive)
        try:
            self._check_host(request.headers)
            if scope["method"] not in _SAFE_METHODS:
                check_same_origin(request.headers)
            self._check_login(request)
            is_piece = scope["method"] == "PUT" and path.startswith(UPLOAD_PIECES_PREFIX)
            limit = self._upload_limit if is_piece or path in UPLOAD_PATHS else BODY_LIMIT_BYTES
            check_declared_length(request.headers, limit)
        except SegscopeError as error:
            await _refuse(request, error)(scope, receive, send_with_headers)
            return
        await self._app(scope, _bounded(receive, limit), send_with_headers)

    def _check_host(self, headers: Headers) -> None:
        host = urlsplit("//" + headers.get("host", "")).hostname or ""
        if not (is_loopback(host) or host in self._hosts):
            raise ForbiddenError(
                f"Invalid host: received {host!r}. Add it to SEGSCOPE_ALLOWED_HOSTS if this is your server's name."
            )

    def _check_login(self, request: HTTPConnection) -> None:
        if self._signer is None or request.url.path.startswith(_PUBLIC_PREFIXES):
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._signer.matches(token):
            return
        if self._signer.is_valid(request.cookies.get(SESSION_COOKIE, "")):
            return
        raise UnauthenticatedError(
            "A login is needed: open /login, or send the access token as 'Authorization: Bearer …'."
        )


def check_same_origin(headers: Headers) -> None:
    """Refuse a change that another site's page asks for.

    Browsers say so in `Sec-Fetch-Site`, older ones in `Origin`; a client that sends neither is no browser.

    Raises
    ------
    ForbiddenError
        The request comes from another origin.
    """
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    foreign = (
        site not in {"same-origin", "none"}
        if site is not None
        else origin is not None and urlsplit(origin).netloc != headers.get("host")
    )
    if foreign:
        raise ForbiddenError(
            "This change was asked for by a page of another site and was refused. Use Segscope's own pages."
        )


def check_declared_length(headers: Headers, limit: int) -> None:
    """Refuse a body that says itself that it is larger than `limit` bytes.

    Raises
    ------
    TooLargeError
        It is.
    """
    declared = headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise TooLargeError(
            f"The upload has {int(declared):,} bytes, expected at most {limit:,}. "
            "Register the folder on the server instead, or raise SEGSCOPE_UPLOAD_MAX_BYTES."
        )


def _bounded(receive: Receive, limit: int) -> Receive:
    received = 0

    async def bounded_receive() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise TooLargeError(
                f"The request has more than {limit:,} bytes. Send less, or raise SEGSCOPE_UPLOAD_MAX_BYTES."
            )
        return message

    return bounded_receive


def _refuse(request: Request, error: SegscopeError) -> Response:
    if wants_json(request):
        return JSONResponse(error_body(error), status_code=error.status)
    if isinstance(error, UnauthenticatedError) and request.method == "GET":
        return RedirectResponse(f"/login?next={request.url.path}", status_code=303)
    return PlainTextResponse(error.message, status_code=error.status)
