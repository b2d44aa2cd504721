"""The lab's server: loopback, GET, the Host header, and nothing that the manifest does not name."""

import hashlib
import http.client
import json
import socket
import struct
import sys
import threading

import pytest

from dxdw.cli import main
from dxdw.lab.folder import NoPage, installed, read
from dxdw.lab.server import PageServer

PAGE = b"<!doctype html><title>page</title>"


@pytest.fixture
def folder(tmp_path):
    """A page of two files, and a third beside them that the manifest does not name."""
    files = {"index.html": PAGE, "python/core.wasm": b"\0asm"}
    for name, content in files.items():
        path = tmp_path / "page" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "page" / "notes.txt").write_text("not listed", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("outside", encoding="utf-8")
    listed = {
        n: {"bytes": len(c), "sha256": hashlib.sha256(c).hexdigest()} for n, c in files.items()
    }
    (tmp_path / "page" / "manifest.json").write_text(
        json.dumps({"files": listed}), encoding="utf-8"
    )
    return tmp_path / "page"


@pytest.fixture
def server(folder):
    with PageServer(read(folder), 0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def ask(server, path="/", method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def test_the_page_and_its_headers(server):
    for path in ("/", "/index.html", "/?question", "/index.html?v=1"):
        response, content = ask(server, path)
        assert (response.status, content) == (200, PAGE)
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "'unsafe-eval'" not in policy


def test_webassembly_has_its_media_type(server):
    response, content = ask(server, "/python/core.wasm")
    assert (response.headers["Content-Type"], content) == ("application/wasm", b"\0asm")


def test_what_the_browser_has_is_not_sent_again(server):
    tag = ask(server)[0].headers["ETag"]
    response, content = ask(server, **{"If-None-Match": tag})
    assert (response.status, content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/notes.txt",
        "/manifest.json",
        "/../secret.txt",
        "/python/../../secret.txt",
        "//secret.txt",
        "/%2e%2e/secret.txt",
        "/..%5csecret.txt",
        "/python",
        "/python/",
        "/etc/passwd",
        "/index.html/",
    ],
)
def test_nothing_else_is_served(server, path):
    response, content = ask(server, path)
    assert response.status == 404
    assert b"outside" not in content
    assert b"not listed" not in content


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "PATCH"])
def test_only_get_is_answered(server, method):
    response, _ = ask(server, method=method)
    assert response.status == 405
    assert response.headers["Allow"] == "GET"


@pytest.mark.parametrize(
    "host", ["example.org", "127.0.0.1", "localhost:1", "", "127.0.0.1.nip:80"]
)
def test_another_host_is_refused(server, host):
    response, content = ask(server, Host=host)
    assert response.status == 421
    assert content != PAGE


def test_a_browser_that_hangs_up_is_nothing_to_tell(server, capsys):
    server.files["/large"] = server.files["/"]._replace(content=bytes(1 << 25))
    before = set(threading.enumerate())
    connection = socket.create_connection(("127.0.0.1", server.server_port), timeout=10)
    host = f"Host: 127.0.0.1:{server.server_port}"
    connection.sendall(f"GET /large HTTP/1.1\r\n{host}\r\n\r\n".encode())
    assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    answering = set(threading.enumerate()) - before
    # Closed without a word, while the rest is still being sent.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    for thread in answering:
        thread.join(10)
    assert answering
    assert not any(thread.is_alive() for thread in answering)
    assert capsys.readouterr().err == ""
    assert ask(server)[1] == PAGE


def test_other_faults_are_told(server, capsys, monkeypatch):
    monkeypatch.setattr(server, "files", None)
    with pytest.raises(http.client.RemoteDisconnected):
        ask(server)
    assert "AttributeError" in capsys.readouterr().err


def test_localhost_is_this_machine(server):
    response, _ = ask(server, Host=f"localhost:{server.server_port}")
    assert response.status == 200


def test_a_request_without_a_host_is_refused(server):
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert connection.makefile("rb").readline().split()[1] == b"421"


def test_it_listens_on_loopback_alone(server):
    assert server.server_address[0] == "127.0.0.1"
    assert server.address == f"http://127.0.0.1:{server.server_port}/"


def test_a_damaged_page_is_refused(folder):
    (folder / "index.html").write_bytes(PAGE + b" ")
    with pytest.raises(NoPage, match=r"index\.html is not what was built"):
        read(folder)
    (folder / "index.html").unlink()
    with pytest.raises(NoPage, match=r"No such file"):
        read(folder)


def test_the_page_is_that_of_its_distribution(folder, monkeypatch, tmp_path):
    (tmp_path / "site").mkdir()
    folder.rename(tmp_path / "site/dxdw_lab")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "dxdw_lab", raising=False)
    assert installed() == tmp_path / "site/dxdw_lab"
    monkeypatch.setitem(sys.modules, "dxdw_lab", None)  # as where it is not installed
    with pytest.raises(NoPage, match=r'pip install "dxdw\[lab\]"'):
        installed()


def test_what_is_no_page_is_told_in_one_line(capsys, tmp_path):
    assert main(["lab", "--folder", str(tmp_path), "--no-browser"]) == 2
    assert "has no manifest.json: it is no built page" in capsys.readouterr().err
    (tmp_path / "manifest.json").write_text("[]", encoding="utf-8")
    assert main(["lab", "--folder", str(tmp_path), "--no-browser"]) == 2
    assert "can't be read" in capsys.readouterr().err
    assert main(["lab", "--port", "70000"]) == 2
    assert "must be in 0…65535" in capsys.readouterr().err


def test_a_port_that_is_asked_for_and_taken(capsys, folder, server):
    assert main(["lab", "--folder", str(folder), "--port", str(server.server_port)]) == 2
    assert "is taken" in capsys.readouterr().err


def test_the_command_opens_the_browser_and_serves(capsys, folder, monkeypatch):
    seen = []

    def opened(address):
        port = int(address.split(":")[2].strip("/"))
        request = threading.Thread(target=get, args=(port,))
        request.start()

    def get(port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/")
        seen.append(connection.getresponse().read())
        connection.close()

    real = PageServer.serve_forever

    def served(self, *args):
        ending = threading.Thread(target=lambda: (wait_for(seen), self.shutdown()))
        ending.start()
        real(self, *args)

    monkeypatch.setattr("webbrowser.open", opened)
    monkeypatch.setattr(PageServer, "serve_forever", served)
    assert main(["lab", "--folder", str(folder), "--port", "0"]) == 0
    assert seen == [PAGE]
    assert "http://127.0.0.1:" in capsys.readouterr().out


def wait_for(found, seconds=10.0):
    import time

    until = time.monotonic() + seconds
    while not found and time.monotonic() < until:
        time.sleep(0.01)
