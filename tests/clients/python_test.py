"""Tests of clients/myvault.py against the server that MYVAULT_URL names."""

import os
import sys
import threading
import unittest
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "clients"))
import myvault  # noqa: E402

URL = os.environ["MYVAULT_URL"]
TOKENS = {name: "token-for-tests-of-" + name for name in ("admin", "reader")}


def client(service="admin", address=URL, **more):
    return myvault.Client(address, service=service, token=TOKENS[service], **more)


class Faulty:
    """A server that answers with a status, headers and a body, and counts requests."""

    def __init__(self, *answers):
        outer = self
        self.requests = []

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.requests.append(self.path)
                status, headers, body = answers[min(len(outer.requests), len(answers)) - 1]
                if status == 0:  # close the connection
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_POST = answer

            def log_message(self, *args):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.server.shutdown()
        self.server.server_close()


PROBLEM = {"Content-Type": "application/problem+json"}
BUSY = (503, {**PROBLEM, "Retry-After": "0"}, '{"code":"busy","detail":"busy"}')
SECRET = '{"project":"p","path":"a","value":"v","version":1,"updated_at":"2026-01-31T12:00:00.000000Z","updated_by":"s"}'


class Verbs(unittest.TestCase):
    def test_secrets(self):
        v = client()
        with self.assertRaises(myvault.NotFound):
            v.get("python", "prod/db")
        info = v.put("python", "prod/db", "hunter2", if_absent=True)
        self.assertEqual((info.version, info.state, info.updated_by), (1, "live", "admin"))
        self.assertEqual(v.get("python", "prod/db").text, "hunter2")
        with self.assertRaises(myvault.Exists):
            v.put("python", "prod/db", "x", if_absent=True)
        with self.assertRaises(myvault.Conflict):
            v.put("python", "prod/db", "x", if_version=7)
        until = datetime(2090, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)
        self.assertEqual(v.put("python", "prod/db", b"\xff\x00", if_version=1, expires_at=until).expires_at, until)
        secret = v.get("python", "prod/db")
        self.assertEqual(secret.value, b"\xff\x00")
        self.assertNotIn("xff", repr(secret))
        self.assertEqual(v.get("python", "prod/db", 1).text, "hunter2")
        self.assertEqual([i.version for i in v.versions("python", "prod/db")], [2, 1])
        with self.assertRaises(myvault.Invalid):
            v.put("python", "prod/db", None)  # it deletes nothing
        v.delete("python", "prod/db", if_version=2)
        self.assertEqual([i.state for i in v.list("python", deleted=True)], ["deleted"])
        v.undelete("python", "prod/db")
        v.destroy("python", "prod/db", 1)
        with self.assertRaises(myvault.Destroyed):
            v.get("python", "prod/db", 1)
        v.destroy("python", "prod/db")
        with self.assertRaises(myvault.NotFound):
            v.get("python", "prod/db")

    def test_names(self):
        v = client()
        for path in ("ä key/it's (1)", "a:b/c@d+e=f&g", "x/~41"):
            v.put("names", path, path)
            self.assertEqual(v.get("names", path).text, path)
        for path in ("", "a//b", "../a", "a/."):
            with self.assertRaises(myvault.Invalid):
                v.get("names", path)

    def test_changes_are_all_or_none(self):
        v = client()
        with self.assertRaises(myvault.Conflict) as raised:
            v.apply([myvault.Change("batch", "a", "1"), myvault.Change("batch", "a", "2", if_version=9)])
        self.assertEqual(raised.exception.index, 1)
        self.assertEqual(list(v.list("batch")), [])
        self.assertEqual(len(v.apply([myvault.Change("batch", "a", "1"), myvault.Change("batch", "b", "2")])), 2)
        self.assertEqual([(s.path, s.text) for s in v.get_all("batch")], [("a", "1"), ("b", "2")])

    def test_pages(self):
        v = client()
        v.apply([myvault.Change("pages", f"k{n:04}", "x") for n in range(1000)])
        v.apply([myvault.Change("pages", f"l{n:04}", "x") for n in range(500)])
        self.assertEqual(len({i.path for i in v.list("pages")}), 1500)
        self.assertEqual(len({s.path for s in v.get_all("pages")}), 1500)
        self.assertEqual(len(list(v.list("pages", "k0001"))), 1)
        self.assertIn("pages", [p.name for p in v.projects()])

    def test_rights(self):
        reader = client("reader")
        with self.assertRaises(myvault.Denied):
            reader.put("newsbot", "prod/db", "x")
        self.assertEqual(reader.whoami()["service"], "reader")
        with self.assertRaises(myvault.Unauthenticated):
            myvault.Client(URL, service="reader", token="wrong-token-0123456").get("newsbot", "prod/db")
        with self.assertRaises(myvault.Unauthenticated):
            myvault.Client(URL, bearer="no-macaroon").get("newsbot", "prod/db")

    def test_watch(self):
        v = client()
        v.put("watch", "a", "1")
        events = v.watch("watch")
        start = next(events)
        self.assertEqual(start.changes, ())
        v.apply([myvault.Change("watch", "a", "2"), myvault.Change("watch", "b", "1")])
        v.put("names", "other", "x")
        event = next(events)
        self.assertEqual([(c.path, c.version, c.state) for c in event.changes], [("a", 2, "live"), ("b", 1, "live")])
        self.assertEqual(event.by, "admin")
        v.delete("watch", "a")
        self.assertEqual([(c.path, c.state) for c in next(events).changes], [("a", "deleted")])
        again = v.watch("watch", position=start.position)
        self.assertEqual([len(next(again).changes), len(next(again).changes)], [2, 1])
        with self.assertRaises(myvault.StalePosition):
            next(v.watch("watch", position="AAAA"))


class Faults(unittest.TestCase):
    def test_reads_are_repeated(self):
        with Faulty(BUSY, (0, {}, ""), (200, {}, SECRET)) as s:
            self.assertEqual(client(address=s.url).get("p", "a").text, "v")
            self.assertEqual(len(s.requests), 3)

    def test_changes_are_not(self):
        for put, requests in (({}, 1), ({"if_absent": True}, 1), ({"if_version": 1}, 4)):
            with Faulty((0, {}, "")) as s:
                with self.assertRaises(myvault.UnknownOutcome):
                    client(address=s.url).put("p", "a", "v", **put)
                self.assertEqual(len(s.requests), requests)
        conflict = (409, PROBLEM, '{"code":"conflict","detail":"x"}')
        with Faulty((0, {}, ""), conflict) as s:
            with self.assertRaises(myvault.UnknownOutcome):
                client(address=s.url).put("p", "a", "v", if_version=1)

    def test_unchanged_is_repeated(self):
        with Faulty(BUSY, (200, {}, f"[{SECRET}]")) as s:
            client(address=s.url).put("p", "a", "v")
            self.assertEqual(len(s.requests), 2)

    def test_no_server(self):
        with Faulty(BUSY) as s:
            url = s.url
        with self.assertRaises(myvault.Unavailable):
            client(address=url, attempts=1).put("p", "a", "v")

    def test_no_secret_in_errors(self):
        token = TOKENS["admin"]
        answers = [
            (302, {"Location": "http://" + token}, ""), (400, PROBLEM, '{"code":"invalid","detail":"' + token + '"}'),
            (400, PROBLEM, '{"code":"' + token + '"}'), (200, {}, token), (500, {}, token), (404, {}, token), (200, {}, "[]"),
        ]
        for answer in answers:
            with Faulty(answer) as s:
                for call in (lambda c: c.get("p", "a"), lambda c: c.put("p", "a", "a-secret-value")):
                    try:
                        call(client(address=s.url, attempts=1))
                    except (myvault.Error, KeyError, TypeError, IndexError) as e:
                        self.assertNotIn(token, f"{e} {e!r}")
                        self.assertNotIn("a-secret-value", f"{e} {e!r}")
                        self.assertIsInstance(e, myvault.Error)
                        self.assertNotIsInstance(e, myvault.NotFound)
                    else:
                        self.fail(f"no error for {answer}")
        with self.assertRaises(myvault.Invalid) as raised:
            myvault.Client(URL, service="a", token="a token\nwith a newline")
        self.assertNotIn("newline\n", str(raised.exception))

    def test_redirects_and_links_are_not_followed(self):
        with Faulty((200, {}, "[]")) as other:
            with Faulty((307, {"Location": other.url + "/x"}, "")) as s:
                with self.assertRaises(myvault.Unavailable):
                    client(address=s.url).get("p", "a")
            link = {"Link": f'<{other.url}/api/secrets?cursor=second>; rel="next"'}
            with Faulty((200, link, "[]"), (200, {}, "[]")) as s:
                self.assertEqual(list(client(address=s.url).list()), [])
                self.assertEqual(s.requests[1], "/api/secrets?cursor=second")
            self.assertEqual(other.requests, [])

    def test_addresses(self):
        for address in ("", "vault.example.org", "ftp://a", "https://a:b@c", "https://a?b", "http://vault.example.org"):
            with self.assertRaises(myvault.Invalid):
                client(address=address)


if __name__ == "__main__":
    unittest.main()
