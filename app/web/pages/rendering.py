"""Turns templates into pages: the environment, its filters and the addresses of static files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from markupsafe import Markup

from app import __version__
from app.domain.configuration import Architecture
from app.domain.errors import FieldError, NotFoundError
from app.domain.history import JsonNumber
from app.settings import PROJECT_ROOT

_STATIC = PROJECT_ROOT / "static"
_SPARKLINE_WIDTH = 96
_SPARKLINE_HEIGHT = 24


@lru_cache
def static_url(path: str) -> str:
    """Return the address of a static file; it changes with the content, so browsers may keep the file."""
    try:
        digest = hashlib.sha256((_STATIC / path).read_bytes()).hexdigest()[:12]
    except OSError as error:
        raise NotFoundError(f"There is no static file {path!r}.") from error
    return f"/static/{path}?v={digest}"


def format_jaccard(value: JsonNumber) -> str:
    """Write a score with the digits that matter; a dash where there is none."""
    if value is None:
        return "–"
    number = float(value)
    if number != number or number in {float("inf"), float("-inf")}:
        return str(value)
    return f"{number:.3f}" if abs(number) >= 0.001 or number == 0 else f"{number:.1e}".replace("e-0", "e-")


def format_duration(seconds: float | None) -> str:
    """Write a duration in the two largest units."""
    if seconds is None:
        return "–"
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60:02d} s"
    return f"{total // 3600} h {total % 3600 // 60:02d} min"


def format_bytes(count: int) -> str:
    """Write a size in the unit that fits."""
    size = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if size >= 10 or unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


def format_moment(moment: datetime | None) -> Markup:
    """Write a moment as a `time` element, which the browser shows in the reader's zone."""
    if moment is None:
        return Markup("–")
    return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(), moment.strftime("%Y-%m-%d %H:%M UTC"))


def embedded_json(value: Any) -> Markup:
    """Write a value as JSON that can stand inside a script element."""
    text = value.model_dump_json() if hasattr(value, "model_dump_json") else json.dumps(value)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - every character that could end the element is escaped above


def sparkline(values: Sequence[JsonNumber], baseline: float | None) -> Markup:
    """Draw the validation Jaccard of each epoch as a small SVG over its all-foreground baseline, 0 to 1."""
    numbers = [float(value) if value is not None else float("nan") for value in values]
    if not numbers:
        return Markup('<span class="muted">no epoch yet</span>')
    span = max(len(numbers) - 1, 1)
    points = [
        f"{index / span * _SPARKLINE_WIDTH:.1f},{_height(number):.1f}"
        for index, number in enumerate(numbers)
        if number == number
    ]
    line = (
        "" if baseline is None else f'<path class="spark-baseline" d="M0 {_height(baseline):.1f}H{_SPARKLINE_WIDTH}"/>'
    )
    shape = f'<polyline points="{" ".join(points)}"/>'
    if len(points) == 1:
        x, y = points[0].split(",")
        shape = f'<circle cx="{float(x) + 2:.1f}" cy="{y}" r="2"/>'
    return Markup(  # noqa: S704 - numbers only
        f'<svg class="sparkline" viewBox="-1 -1 {_SPARKLINE_WIDTH + 2} {_SPARKLINE_HEIGHT + 2}" role="img" '
        f'aria-label="Validation Jaccard over {len(numbers)} epochs, last {format_jaccard(values[-1])}">'
        f"{line}{shape}</svg>"
    )


def _height(value: float) -> float:
    return _SPARKLINE_HEIGHT * (1 - min(max(value, 0.0), 1.0))


templates = Jinja2Templates(directory=PROJECT_ROOT / "templates")
templates.env.globals.update(
    static_url=static_url, version=__version__, architectures=list(Architecture), sparkline=sparkline
)
templates.env.filters.update(
    jaccard=format_jaccard,
    duration=format_duration,
    bytes=format_bytes,
    moment=format_moment,
    embedded_json=embedded_json,
)
templates.env.trim_blocks = True
templates.env.lstrip_blocks = True


def render(request: Request, name: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Return a page."""
    return templates.TemplateResponse(request, name, context, status_code=status)


def render_error(
    request: Request, *, status: int, title: str, message: str, fields: Sequence[FieldError]
) -> HTMLResponse:
    """Return the page of an error."""
    return render(request, "error.html", status=status, status_code=status, title=title, message=message, fields=fields)
