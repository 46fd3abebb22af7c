"""The interactive documentation of the JSON API, served from our own files."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.web.pages.rendering import render

router = APIRouter(include_in_schema=False)


@router.get("/docs")
def show_documentation(request: Request) -> Response:
    """Show the API documentation."""
    return render(request, "docs.html")
