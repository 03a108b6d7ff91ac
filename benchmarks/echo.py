"""A process that sends bytes back over loopback TCP, and does nothing else.

python benchmarks/echo.py    print a port, and echo what the first connection to it sends
"""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS_TO_CONNECT = 60
CHUNK_BYTES = 65536


@contextmanager
def echo_server() -> Iterator[int]:
    """Yield the port of such a process; it serves one connection, and ends with the block or with that connection."""
    command = [sys.executable, "-S", "-E", str(Path(__file__).resolve())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # this file
        try:
            yield int(process.stdout.readline() if process.stdout else "")
        finally:
            process.terminate()


def _serve() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(SECONDS_TO_CONNECT)
        print(listening.getsockname()[1], flush=True)
        connection, _ = listening.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            while data := connection.recv(CHUNK_BYTES):
                connection.sendall(data)


if __name__ == "__main__":
    _serve()
