"""`python -m app.web`: the web process, and nothing that it does not need in its memory."""

from __future__ import annotations

import logging
import sys

import uvicorn

from app.domain.errors import SegscopeError, SettingsError
from app.settings import load_settings
from app.web.application import create_app
from app.web.ports import check_port_free

EXIT_SETTINGS = 2


def main() -> int:
    """Serve until asked to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    try:
        settings = load_settings()
        if not settings.redis_url:
            raise SettingsError(
                "Missing setting SEGSCOPE_REDIS_URL, such as redis://127.0.0.1:6379/0; "
                "'segscope up' runs one of its own."
            )
        check_port_free(settings.host, settings.port)
        app = create_app(settings, redis_url=settings.redis_url)
    except SegscopeError as error:
        sys.stderr.write(f"segscope: {error.message}\n")
        return EXIT_SETTINGS
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        # Open event streams never end by themselves at shutdown.
        timeout_graceful_shutdown=2,
        server_header=False,
        ws="none",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
