"""A PostgreSQL server that speaks TLS: by itself when its binaries can, else through a terminator in front of it.

The embedded server's wheel is built without TLS. Hosted databases often have a terminator in front of them, too.
"""

import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from examples.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
from tests.support.tls import Authority, Identity

TLS_REQUEST = bytes.fromhex("0000000804d2162f")
TLS_HANDSHAKE = b"\x16"
TLS_PROTOCOL = "postgresql"
NO_TLS = "SSL is not supported by this build"


@contextmanager
def tls_server(identity: Identity, authority: Authority) -> Iterator[int]:
    """Yield the port of a server that shows *identity*; clients may show what *authority* issued."""
    with ExitStack() as running:
        yield _port_of_started(running, identity, authority)


def _port_of_started(running: ExitStack, identity: Identity, authority: Authority) -> int:
    try:
        return running.enter_context(EmbeddedPostgres(settings=_settings(identity, authority))).port
    except EmbeddedPostgresError as error:
        if NO_TLS not in str(error):
            raise
    server = running.enter_context(EmbeddedPostgres())
    return running.enter_context(_terminator(server.port, identity, authority))


def _settings(identity: Identity, authority: Authority) -> dict[str, str]:
    return {
        "ssl": "on",
        "ssl_cert_file": str(identity.certificate),
        "ssl_key_file": str(identity.key),
        "ssl_ca_file": str(authority.certificate),
    }


@contextmanager
def _terminator(port: int, identity: Identity, authority: Authority) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    context.load_verify_locations(authority.certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols([TLS_PROTOCOL])
    with _Terminator(port, context) as terminator:
        thread = threading.Thread(target=terminator.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield terminator.server_address[1]
        terminator.shutdown()
        thread.join()


class _Terminator(socketserver.ThreadingTCPServer):
    """Talks TLS to clients and hands what they say to PostgreSQL on *port*."""

    daemon_threads = True

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.port = port
        self.context = context

    def handle_error(self, request, client_address) -> None:
        """Say nothing: a client that refuses our certificate is what most tests are about."""


class _Conversation(socketserver.BaseRequestHandler):
    server: _Terminator

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.port)) as postgres:
            if self.request.recv(1, socket.MSG_PEEK) == TLS_HANDSHAKE:
                self._talk_tls(postgres, is_negotiated=False)
                return
            first = self.request.recv(len(TLS_REQUEST), socket.MSG_WAITALL)
            if first == TLS_REQUEST:
                self.request.sendall(b"S")
                self._talk_tls(postgres, is_negotiated=True)
            else:
                postgres.sendall(first)
                _relay(self.request, postgres)

    def _talk_tls(self, postgres: socket.socket, *, is_negotiated: bool) -> None:
        with self.server.context.wrap_socket(self.request, server_side=True) as client:
            # As PostgreSQL 17 does, which asks for this name where nothing else tells what the client wants.
            if is_negotiated or client.selected_alpn_protocol() == TLS_PROTOCOL:
                _relay(client, postgres)


def _relay(client: socket.socket, postgres: socket.socket) -> None:
    while True:
        ready, _, _ = select.select([client, postgres], [], [])
        for source, target in ((client, postgres), (postgres, client)):
            # One record of TLS is at most this long: nothing stays behind in a buffer that select cannot see.
            if source in ready:
                data = source.recv(65_536)
                if not data:
                    return
                target.sendall(data)
