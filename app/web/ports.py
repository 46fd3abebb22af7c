"""Whether an address can be served on."""

from __future__ import annotations

import socket

from app.domain.errors import SettingsError


def check_port_free(host: str, port: int) -> None:
    """Make sure that the port can be bound.

    Raises
    ------
    SettingsError
        It is taken, not allowed, or the address is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"Port {port} on {host} cannot be used ({error.strerror or error}); "
                "choose another with --port or SEGSCOPE_PORT."
            ) from error
