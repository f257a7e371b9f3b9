"""A storage that takes calls and never answers."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silent_storage() -> Iterator[str]:
    """Listen, accept and say nothing; yields the connection string."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/devstoreaccount1"
        yield f"AccountName=devstoreaccount1;AccountKey=AAAA;TableEndpoint={address};DefaultEndpointsProtocol=http"
        server.shutdown(socket.SHUT_RDWR)
        for connection in taken:
            connection.close()
