"""A client of myVault's HTTP API in one file, without dependencies. Python 3.9 or newer.

    import myvault

    vault = myvault.Client("https://vault.example.org", service="newsbot", token=token)
    password = vault.get("newsbot", "prod/db/password").text
    vault.put("newsbot", "prod/db/password", "new", if_version=3)

Every error is a subclass of myvault.Error. A change that was sent and not answered raises
UnknownOutcome: read before you retry. No error contains a token or a value. Reads are repeated
while the server does not answer; changes only if nothing was changed. Redirects are not followed.

A Client is safe for use by several threads: each request has a connection of its own.
"""

from __future__ import annotations

import base64
import http.client
import ipaddress
import json
import random
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, List, Optional, Tuple, TypeVar, Union
from urllib.parse import parse_qs, quote, urlencode, urlsplit

__all__ = [
    "Change", "Client", "Conflict", "Denied", "Destroyed", "Error", "Exists", "Info", "Invalid",
    "Event", "NotFound", "Project", "Secret", "StalePosition", "TooLarge", "Unauthenticated",
    "Unavailable", "UnknownOutcome", "Unsupported", "VersionChange",
]

T = TypeVar("T")

_MAX_ANSWER = 64 << 20  # bytes
_WAIT = 50  # seconds of a long poll


class Error(Exception):
    """The base of all errors. code is that of the API, or "" if the server did not answer."""

    def __init__(self, text: str, code: str = "", status: int = 0, index: Optional[int] = None) -> None:
        super().__init__(text)
        self.code = code
        self.status = status
        self.index = index  # of the refused change of apply, from 0


class Invalid(Error):
    """A name, value or argument is malformed, or a project is not empty."""


class Unauthenticated(Error):
    """The service or its token is missing or wrong."""


class Denied(Error):
    """The policy does not allow this, whether or not the secret exists."""


class NotFound(Error):
    """There is no live secret, version or project with that name."""


class Exists(Error):
    """There is one already."""


class Conflict(Error):
    """The secret has another version than the expected one."""


class Destroyed(Error):
    """The value of this version was destroyed."""


class TooLarge(Error):
    """A value or a request exceeds its limit."""


class Unavailable(Error):
    """The server or its store does not answer. Nothing was changed."""


class UnknownOutcome(Error):
    """A change may or may not have been made. Read before you retry."""


class StalePosition(Error):
    """A position is too old or of another store: list the secrets, and watch without it."""


class Unsupported(Error):
    """The server cannot do this."""


_KINDS: dict[str, type[Error]] = {
    "busy": Unavailable, "canceled": Unavailable, "condition_not_supported": Unsupported,
    "conflict": Conflict, "denied": Denied, "destroyed": Destroyed, "exists": Exists,
    "foreign_origin": Denied, "generator_failed": Error, "internal": Error, "invalid": Invalid,
    "invalid_body": Invalid, "method_not_allowed": Unsupported, "misdirected": Invalid,
    "no_route": Unsupported, "not_empty": Invalid, "not_found": NotFound, "not_json": Invalid,
    "not_supported": Unsupported, "outcome_unknown": UnknownOutcome,
    "precondition_failed": Conflict, "shutting_down": Unavailable,
    "stale_position": StalePosition, "too_many_watches": Unavailable,
    "store_unavailable": Unavailable, "tampered": Error, "timeout": Unavailable,
    "too_large": TooLarge, "too_many_failures": Unauthenticated, "trail_unavailable": Unavailable,
    "unauthenticated": Unauthenticated, "wrong_key": Error,
}


@dataclass(frozen=True)
class Info:
    """One version of a secret, without its value."""

    project: str
    path: str
    version: int
    state: str  # live, deleted or destroyed
    updated_at: datetime
    updated_by: str
    expires_at: Optional[datetime] = None
    rotate_after: Optional[datetime] = None


@dataclass(frozen=True)
class Secret(Info):
    """A secret. Its value is not part of its repr."""

    value: bytes = field(default=b"", repr=False)

    @property
    def text(self) -> str:
        """The value as UTF-8. UnicodeDecodeError has its bytes: use value if it may be binary."""
        return self.value.decode()


@dataclass(frozen=True)
class Project:
    name: str
    description: str
    is_default: bool
    created_at: datetime
    created_by: str


@dataclass(frozen=True)
class Change:
    """A change of apply: a put of value, or a deletion if value is None."""

    project: str
    path: str
    value: Optional[Union[str, bytes]] = field(default=None, repr=False)
    if_absent: bool = False
    if_version: Optional[int] = None
    expires_at: Optional[datetime] = None
    rotate_after: Optional[datetime] = None


@dataclass(frozen=True)
class VersionChange:
    """What a commit did to a version: it is live, deleted or destroyed now."""

    project: str
    path: str
    version: int
    state: str


@dataclass(frozen=True)
class Event:
    """The changes of one commit. position is "" unless a watch can be resumed after it."""

    position: str
    at: Optional[datetime]
    by: str
    changes: Tuple[VersionChange, ...]


class Client:
    """A service that uses a vault over HTTP."""

    def __init__(
        self, address: str, *, service: Optional[str] = None, token: Optional[str] = None,
        bearer: Optional[str] = None, context: Optional[ssl.SSLContext] = None,
        timeout: float = 10.0, attempts: int = 4, plaintext: bool = False,
    ) -> None:
        """address is a URL. It must be https or on this machine, unless plaintext is set.

        The identity is a service with its token, or a bearer (a capability token), or the client
        certificate in context. timeout is in seconds, of one attempt.
        """
        url = urlsplit(address)
        if url.scheme not in ("http", "https") or not url.hostname or url.username or url.query or url.fragment:
            raise Invalid("address is not a URL such as https://vault.example.org")
        if url.scheme == "http" and not plaintext and not _is_local(url.hostname):
            raise Invalid("address would send the token in plain text: use https, or set plaintext")
        if (token is not None) + (bearer is not None) > 1 or token is not None and not service:
            raise Invalid("send either a service with its token, or a bearer")
        for text in (service, token, bearer):
            if text is not None and any(c < " " or c > "~" for c in text):
                raise Invalid("a service or token contains a control character, such as a newline")
        self._host, self._port, self._prefix = url.hostname, url.port, url.path.rstrip("/")
        self._context = None
        if url.scheme == "https":
            self._context = context or ssl.create_default_context()
        self._timeout, self._attempts = timeout, max(1, attempts)
        self._headers = {"User-Agent": "myvault-python", "Accept-Encoding": "identity"}
        if bearer is not None:
            self._headers["Authorization"] = "Bearer " + bearer
        elif service is not None:
            self._headers["X-Service"] = service
        if token is not None:
            self._headers["X-Token"] = token

    def get(self, project: str, path: str, version: Optional[int] = None) -> Secret:
        """Return the current version of a secret, or the given one."""
        query = {} if version is None else {"version": str(version)}
        def convert(item: Any) -> Secret:
            secret = _secret(item)
            if (secret.project, secret.path) != (project, path):
                raise ValueError
            return secret
        return self._read(_path("/api/secrets", project, path), query, convert)[0]

    def put(
        self, project: str, path: str, value: Union[str, bytes], *, if_absent: bool = False,
        if_version: Optional[int] = None, expires_at: Optional[datetime] = None,
        rotate_after: Optional[datetime] = None,
    ) -> Info:
        """Make a new version."""
        if value is None:
            raise Invalid("value is None; delete removes a secret")
        return self.apply([Change(project, path, value, if_absent, if_version, expires_at, rotate_after)])[0]

    def delete(self, project: str, path: str, *, if_version: Optional[int] = None) -> None:
        """Mark the current version as deleted."""
        self.apply([Change(project, path, if_version=if_version)])

    def apply(self, changes: Iterable[Change]) -> List[Info]:
        """Make several changes in order, all or none."""
        bodies = [_change_body(c) for c in changes]
        # A put that expects a version cannot be made twice, because versions are never reused.
        addresses = {(b["project"], b["path"]) for b in bodies}
        conditional = len(addresses) == len(bodies) and any(b["op"] == "put" and "if_version" in b for b in bodies)
        return self._request(
            "POST", "/api/changes", body={"changes": bodies}, conditional=conditional,
            convert=_all(_info, len(bodies)))[0]

    def undelete(self, project: str, path: str) -> None:
        """Clear the mark of the last deletion."""
        self._request("POST", _path("/api/versions", project, path), body={"op": "undelete"})

    def destroy(self, project: str, path: str, *versions: int) -> None:
        """Remove the values of versions for good, or of all versions if none is given."""
        body: dict[str, Any] = {"op": "destroy", "versions": list(versions)} if versions else {"op": "destroy", "all": True}
        self._request("POST", _path("/api/versions", project, path), body=body)

    def list(self, project: str = "", prefix: str = "", *, deleted: bool = False) -> Iterator[Info]:
        """Yield the secrets below a prefix, without values."""
        query = {"project": project, "prefix": prefix, "deleted": "true" if deleted else ""}
        return self._pages("/api/secrets", query, _info)

    def get_all(self, project: str, prefix: str = "") -> Iterator[Secret]:
        """Yield the secrets of a project below a prefix, with values."""
        return self._pages(_path("/api/secrets", project), {"prefix": prefix}, _secret)

    def versions(self, project: str, path: str) -> Iterator[Info]:
        """Yield every version of a secret, newest first, without values."""
        names = {"project": project, "path": path}
        return self._pages(_path("/api/versions", project, path), {}, lambda item: _info({**item, **names}))

    def projects(self) -> Iterator[Project]:
        """Yield the visible projects."""
        return self._pages("/api/projects", {}, lambda p: Project(
            p["name"], p["description"], p["is_default"], _time(p["created_at"]), p["created_by"]))

    def whoami(self) -> dict[str, Any]:
        """Return the service and the rules of the caller."""
        return self._read("/api/whoami", {}, dict)[0]

    def watch(self, project: str = "", prefix: str = "", position: str = "") -> Iterator[Event]:
        """Yield the changes below a prefix as they are made, from now on or after a position.

        The first event has no changes. List the secrets after it, and you miss nothing. To resume,
        pass the position of the last event. StalePosition: list the secrets and watch without it.
        """
        while True:
            query = {"project": project, "prefix": prefix, "cursor": position, "wait": str(_WAIT) if position else "0"}
            resumed = position != ""
            found, _ = self._request("GET", "/api/watch", query=query, convert=_events, wait=_WAIT)
            position, events = found
            if not events and not resumed:
                yield Event(position, None, "", ())
            for n, e in enumerate(events):
                # Only the last event of an answer has a position.
                yield Event(position if n == len(events) - 1 else "", e.at, e.by, e.changes)

    def _pages(self, path: str, query: dict[str, str], convert: Callable[[Any], T]) -> Iterator[T]:
        cursor = ""
        while True:
            items, cursor = self._read(path, {**query, "cursor": cursor}, _all(convert))
            yield from items
            if not cursor:
                return

    def _read(self, path: str, query: dict[str, str], convert: Callable[[Any], T]) -> tuple[T, str]:
        return self._request("GET", path, query=query, convert=convert)

    def _request(
        self, method: str, path: str, *, query: Optional[dict[str, str]] = None, body: Any = None,
        conditional: bool = False, convert: Callable[[Any], Any] = lambda _: None, wait: float = 0,
    ) -> tuple[Any, str]:
        """Send a request, again if that is safe. Return its converted answer and the next cursor."""
        target = self._prefix + path
        given = {name: value for name, value in (query or {}).items() if value}
        if given:
            target += "?" + urlencode(given)
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        unknown, reads = False, method == "GET"
        for attempt in range(1, self._attempts + 1):
            failure, retry, after = self._attempt(method, target, content, convert, self._timeout + wait)
            if not isinstance(failure, Error):
                return failure
            unknown = unknown or not reads and isinstance(failure, UnknownOutcome)
            if unknown and not isinstance(failure, UnknownOutcome):
                failure = UnknownOutcome("outcome unknown, read before trying again: " + str(failure))
            if reads and isinstance(failure, UnknownOutcome):
                failure = Unavailable(str(failure), failure.code, failure.status)
            if not retry or unknown and not conditional or attempt == self._attempts or after > 5:
                raise failure
            time.sleep(max(after, 0.1 * 2 ** (attempt - 1) * (0.5 + random.random())))
        raise AssertionError("unreachable")

    def _attempt(
        self, method: str, target: str, content: Optional[bytes], convert: Callable[[Any], Any], timeout: float,
    ) -> tuple[Any, bool, float]:
        """Send a request once. Return its result or its error, whether to retry, and after how long."""
        if self._context is not None:
            conn: http.client.HTTPConnection = http.client.HTTPSConnection(
                self._host, self._port, timeout=timeout, context=self._context)
        else:
            conn = http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        headers = dict(self._headers)
        if content is not None:
            headers["Content-Type"] = "application/json"
        connected = False
        try:
            conn.connect()
            connected = True
            conn.request(method, target, body=content, headers=headers)
            response = conn.getresponse()
            answer = response.read(_MAX_ANSWER + 1)
        except (OSError, http.client.HTTPException) as e:
            # Only the type: the text may repeat what a broken server echoed.
            if connected:
                return UnknownOutcome(f"no answer of the server ({type(e).__name__})"), True, 0
            trusted = not isinstance(e, ssl.SSLCertVerificationError)
            return Unavailable(f"the server cannot be reached ({type(e).__name__})"), trusted, 0
        finally:
            conn.close()
        after = response.headers.get("Retry-After", "")
        wait = float(after) if after.isdigit() else 0.0
        if response.status // 100 != 2:
            return (*self._refused(response, answer), wait)
        try:
            if len(answer) > _MAX_ANSWER:
                raise ValueError
            found = convert(json.loads(answer) if answer else None)
            return (found, _cursor(response.headers.get("Link", ""))), False, 0
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            return UnknownOutcome("the answer is malformed or too large"), False, 0

    def _refused(self, response: http.client.HTTPResponse, answer: bytes) -> tuple[Error, bool]:
        """Return the error of an answer, and whether to retry."""
        status = response.status
        try:
            problem = json.loads(answer) if response.headers.get_content_type() == "application/problem+json" else {}
            kind, code = _KINDS.get(problem.get("code")), problem.get("code")
        except (ValueError, AttributeError, TypeError):
            kind, code, problem = None, "", {}
        if kind is not None:
            text = code.replace("_", " ")
            index = problem.get("index")
            return kind(text, code, status, index if isinstance(index, int) else None), kind is Unavailable
        if status // 100 == 3:
            return Unavailable("the server redirects, which is not followed", "", status), False
        if status == 429:
            return Unavailable("status 429, not by a vault", "", status), True
        return UnknownOutcome(f"status {status}, not by a vault", "", status), status >= 500


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _path(route: str, project: str, path: Optional[str] = None) -> str:
    segments = [project] if path is None else [project, *path.split("/")]
    if any(s in ("", ".", "..") for s in segments):
        raise Invalid("invalid name: a segment is empty, . or ..")
    return "/".join([route, *(quote(s, safe="") for s in segments)])


def _change_body(c: Change) -> dict[str, Any]:
    body: dict[str, Any] = {"op": "delete" if c.value is None else "put", "project": c.project, "path": c.path}
    if isinstance(c.value, bytes):
        body.update(value=base64.b64encode(c.value).decode(), encoding="base64")
    elif c.value is not None:
        body["value"] = c.value
    if c.if_absent:
        body["if_absent"] = True
    if c.if_version is not None:
        body["if_version"] = c.if_version
    for name, at in (("expires_at", c.expires_at), ("rotate_after", c.rotate_after)):
        if at is not None:
            if at.tzinfo is None:
                raise Invalid(name + " has no time zone")
            body[name] = at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return body


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def _fields(i: Info) -> dict[str, Any]:
    return {name: getattr(i, name) for name in Info.__dataclass_fields__}


def _info(item: dict[str, Any]) -> Info:
    optional = {name: _time(item[name]) for name in ("expires_at", "rotate_after") if item.get(name)}
    return Info(
        item["project"], item["path"], item["version"], item.get("state", "live"),
        _time(item["updated_at"]), item["updated_by"], **optional,
    )


def _events(answer: dict[str, Any]) -> Tuple[str, List[Event]]:
    events = []
    for e in answer["events"]:
        changes = tuple(VersionChange(c["project"], c["path"], c["version"], c["state"]) for c in e["changes"])
        events.append(Event("", _time(e["at"]), e["by"], changes))
    return answer["cursor"], events


def _secret(item: dict[str, Any]) -> Secret:
    text = item["value"]
    value = base64.b64decode(text, validate=True) if item.get("encoding") == "base64" else text.encode()
    return Secret(**_fields(_info(item)), value=value)


def _all(convert: Callable[[Any], T], count: Optional[int] = None) -> Callable[[Any], List[T]]:
    """Return a conversion of an array, of count items."""
    def convert_all(items: Any) -> List[T]:
        if count not in (None, len(items)):
            raise ValueError
        return [convert(item) for item in items]
    return convert_all


def _cursor(link: str) -> str:
    """Return the cursor of a Link. Only that is used: the server must not choose where tokens go."""
    if 'rel="next"' not in link:
        return ""
    target = link.partition("<")[2].partition(">")[0]
    return parse_qs(urlsplit(target).query).get("cursor", [""])[0]
