"""A server of one folder to the browser on the same machine, and to nobody else."""

import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from .folder import File

LOOPBACK = "127.0.0.1"

# Nothing is loaded from anywhere else, and the page is shown in no other. Pyodide compiles
# WebAssembly and its workers are blobs; CodeMirror writes its theme into a style element.
RULES = (
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src blob:",
    "connect-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)
POLICY = "; ".join(RULES)

HEADERS = {
    "Content-Security-Policy": POLICY,
    # Together these two isolate the page, so that Stop can interrupt Python by shared memory.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


class PageServer(ThreadingHTTPServer):
    """Serves files that are in memory: no request reaches the file system."""

    daemon_threads = True

    def __init__(self, files: dict[str, File], port: int) -> None:
        """Listen on loopback; port 0 takes a free one.

        Raises:
            OSError: the port is taken.
        """
        super().__init__((LOOPBACK, port), _Handler)
        self.files = files
        self.hosts = {f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost")}

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{LOOPBACK}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Of a browser that hangs up in the middle of a file, say nothing: a reload does that."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"
    server_version = "dxdw"
    sys_version = ""
    timeout = 60  # an idle connection's thread ends

    def do_GET(self) -> None:
        # Another site may have its name resolve to this machine: then Host is its name.
        if self.headers.get("Host") not in self.server.hosts:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST)
            return
        file = self.server.files.get(urlsplit(self.path).path)
        if file is None:
            self._refuse(HTTPStatus.NOT_FOUND)
        elif self.headers.get("If-None-Match") == f'"{file.sha256}"':
            self._answer(HTTPStatus.NOT_MODIFIED, {"ETag": f'"{file.sha256}"'})
        else:
            more = {"Content-Type": file.media_type, "ETag": f'"{file.sha256}"'}
            self._answer(HTTPStatus.OK, more, file.content)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._only_get
        raise AttributeError(name)

    def _only_get(self) -> None:
        self.close_connection = True  # a body may follow, which nobody reads
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET"})

    def _refuse(self, status: HTTPStatus, more: dict[str, str] | None = None) -> None:
        said = f"{status.value} {status.phrase}\n".encode()
        self._answer(status, {"Content-Type": "text/plain", **(more or {})}, said)

    def _answer(self, status: HTTPStatus, more: dict[str, str], content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**HEADERS, **more}.items():
            self.send_header(name, value)
        if status is not HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing of each request."""
