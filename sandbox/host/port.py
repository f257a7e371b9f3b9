"""The port that the host listens on, on this machine only."""

import errno
import socket

DEFAULT = 7071
HIGHEST = 65535
LOOPBACKS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


class PortInUseError(Exception):
    """Another process uses the port. The text states what to do."""


def listen(port: int) -> list[socket.socket]:
    """Bind the port on 127.0.0.1, and on ::1 if the machine has it, so that `localhost` always works.

    Raises:
        PortInUseError: Another process uses the port.
    """
    sockets: list[socket.socket] = []
    try:
        for family, address in LOOPBACKS:
            opened = _bind(family, address, port)
            sockets += [opened] if opened else []
    except OSError as error:
        for opened in sockets:
            opened.close()
        if error.errno == errno.EADDRINUSE:
            other = port + 1 if port < HIGHEST else DEFAULT
            raise PortInUseError(f"Port {port} is in use. Use another one: HOST_PORT={other} make run") from error
        raise
    return sockets


def _bind(family: socket.AddressFamily, address: str, port: int) -> socket.socket | None:
    try:
        opened = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return None
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((address, port))
        opened.listen()
    except OSError as error:
        opened.close()
        if error.errno == errno.EADDRINUSE or family == socket.AF_INET:
            raise
        return None
    return opened
