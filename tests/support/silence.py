"""Servers that accept connections, and a storage that accepts calls and never responds."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def listening(then: Callable[[socket.socket], None]) -> Iterator[str]:
    """Accept connections and do something to each. Yield host and port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return
                then(taken[-1])

        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        for connection in taken:
            connection.close()


def stay_silent(_connection: socket.socket) -> None:
    """Never respond."""


@contextmanager
def silent_storage() -> Iterator[str]:
    """Listen, accept and never respond. Yield the connection string."""
    with listening(stay_silent) as place:
        address = f"http://{place}/devstoreaccount1"
        yield f"AccountName=devstoreaccount1;AccountKey=AAAA;TableEndpoint={address};DefaultEndpointsProtocol=http"
