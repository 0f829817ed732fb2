"""A small agenda: appointments in SQLite, shown in any time zone, served and read over HTTPS.

Times are entered and shown as people write them, in a named zone, and kept in UTC.
The database is the file that the environment variable AGENDA names.
"""

from __future__ import annotations

import argparse
import http.client
import os
import sqlite3
import ssl
import sys
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zoneinfo import ZoneInfo

SCHEMA = "CREATE TABLE IF NOT EXISTS appointment (moment TEXT NOT NULL, title TEXT NOT NULL)"


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    """Lend the database; what was done is kept unless it ends with an exception."""
    connection = sqlite3.connect(os.environ["AGENDA"])
    try:
        with connection:
            connection.execute(SCHEMA)
            yield connection
    finally:
        connection.close()


def time_zone(name: str) -> ZoneInfo:
    """Return a time zone; ValueError if this system has none of that name."""
    try:
        return ZoneInfo(name)
    except (LookupError, OSError):
        raise ValueError(f"no time zone {name}") from None


def add(when: str, zone: ZoneInfo, title: str) -> None:
    """Keep an appointment at `when`, a local time such as 2026-03-29 09:00."""
    moment = datetime.fromisoformat(when).replace(tzinfo=zone).astimezone(UTC)
    with database() as connection:
        connection.execute("INSERT INTO appointment VALUES (?, ?)", (moment.isoformat(), title))


def listing(zone: ZoneInfo) -> str:
    """Return the appointments in their order, a line each, in the time of `zone`."""
    with database() as connection:
        rows = connection.execute("SELECT moment, title FROM appointment ORDER BY moment, title")
        found = [(datetime.fromisoformat(moment), title) for moment, title in rows]
    local = ((moment.astimezone(zone), title) for moment, title in found)
    return "".join(f"{moment:%Y-%m-%d %H:%M %Z}  {title}\n" for moment, title in local)


class Agenda(BaseHTTPRequestHandler):
    """Answers `GET /ZONE` with the listing in that zone."""

    def do_GET(self) -> None:
        """Answer one request."""
        try:
            body = listing(time_zone(urllib.parse.unquote(self.path).strip("/"))).encode()
        except ValueError:
            self.send_error(404, "no such time zone")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(port: int, certificate: str) -> None:
    """Serve over TLS; `certificate` is a file with the key as well."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with ThreadingHTTPServer(("", port), Agenda) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        sys.stderr.write(f"serving on port {port}\n")
        server.serve_forever()


def fetch(server: str, zone: str, cafile: str | None) -> str:
    """Return the listing of another agenda; its certificate must be signed by a known authority."""
    context = ssl.create_default_context(cafile=cafile)
    connection = http.client.HTTPSConnection(server, context=context, timeout=30)
    try:
        connection.request("GET", f"/{zone}")
        answer = connection.getresponse()
        if answer.status != http.HTTPStatus.OK:
            raise SystemExit(f"{server}: {answer.status} {answer.reason}")
        return answer.read().decode()
    finally:
        connection.close()


def authorities() -> int:
    """Return how many certificate authorities are known."""
    return ssl.create_default_context().cert_store_stats()["x509_ca"]


def main() -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="agenda", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    adding = commands.add_parser("add", help="keep an appointment")
    adding.add_argument("when")
    adding.add_argument("zone", type=time_zone)
    adding.add_argument("title")
    showing = commands.add_parser("list", help="print all appointments")
    showing.add_argument("zone", type=time_zone)
    serving = commands.add_parser("serve", help="serve the appointments over HTTPS")
    serving.add_argument("--port", type=int, default=8443)
    serving.add_argument("certificate")
    fetching = commands.add_parser("fetch", help="print the appointments of a server")
    fetching.add_argument("--cafile")
    fetching.add_argument("server", metavar="HOST:PORT")
    fetching.add_argument("zone")
    commands.add_parser("authorities", help="count the certificate authorities that are trusted")

    match parser.parse_args():
        case argparse.Namespace(command="add", when=when, zone=zone, title=title):
            add(when, zone, title)
        case argparse.Namespace(command="list", zone=zone):
            sys.stdout.write(listing(zone))
        case argparse.Namespace(command="serve", port=port, certificate=certificate):
            serve(port, certificate)
        case argparse.Namespace(command="fetch", server=server, zone=zone, cafile=cafile):
            sys.stdout.write(fetch(server, zone, cafile))
        case _:
            sys.stdout.write(f"{authorities()}\n")


if __name__ == "__main__":
    main()
