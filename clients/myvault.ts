/**
 * A client of myVault's HTTP API in one file, without dependencies. It needs fetch: Node.js 18,
 * Deno, Bun or a browser.
 *
 *     import { Client } from "./myvault.ts";
 *
 *     const vault = new Client({ address: "https://vault.example.org", service: "newsbot", token });
 *     const password = (await vault.get("newsbot", "prod/db/password")).text();
 *     await vault.put("newsbot", "prod/db/password", "new", { ifVersion: 3 });
 *
 * Every error is a VaultError; decide by its kind. A change that was sent and not answered has the
 * kind "unknown_outcome": read before you retry. No error contains a token or a value. Reads are
 * repeated while the server does not answer; changes only if nothing was changed. Redirects are
 * not followed.
 */

/** The kinds of errors. "unavailable": the server or its store does not answer, nothing was changed. */
export type Kind =
  | "conflict" | "denied" | "destroyed" | "exists" | "failed" | "invalid" | "not_found" | "stale_position"
  | "too_large" | "unauthenticated" | "unavailable" | "unknown_outcome" | "unsupported";

/** The error of every method. */
export class VaultError extends Error {
  readonly kind: Kind;
  /** The code of the API, "" if it did not answer. */
  readonly code: string;
  readonly status: number;
  /** The index of the refused change of apply, from 0. */
  readonly index: number | undefined;

  constructor(kind: Kind, message: string, code = "", status = 0, index?: number) {
    super(message);
    this.name = "VaultError";
    this.kind = kind;
    this.code = code;
    this.status = status;
    this.index = index;
  }
}

const kinds: Readonly<Record<string, Kind>> = {
  busy: "unavailable", canceled: "unavailable", condition_not_supported: "unsupported",
  conflict: "conflict", denied: "denied", destroyed: "destroyed", exists: "exists",
  foreign_origin: "denied", generator_failed: "failed", internal: "failed", invalid: "invalid",
  invalid_body: "invalid", method_not_allowed: "unsupported", misdirected: "invalid",
  no_route: "unsupported", not_empty: "invalid", not_found: "not_found", not_json: "invalid",
  not_supported: "unsupported", outcome_unknown: "unknown_outcome", precondition_failed: "conflict",
  shutting_down: "unavailable", stale_position: "stale_position", too_many_watches: "unavailable", store_unavailable: "unavailable", tampered: "failed",
  timeout: "unavailable", too_large: "too_large", too_many_failures: "unauthenticated",
  trail_unavailable: "unavailable", unauthenticated: "unauthenticated", wrong_key: "failed",
};

/** One version of a secret, without its value. */
export interface Info {
  readonly project: string;
  readonly path: string;
  readonly version: number;
  readonly state: "live" | "deleted" | "destroyed";
  readonly updatedAt: Date;
  readonly updatedBy: string;
  readonly expiresAt?: Date;
  readonly rotateAfter?: Date;
}

/** A secret. Its value is hidden from console.log and JSON.stringify. */
export class Secret {
  readonly info: Info;
  readonly #value: Uint8Array;

  constructor(info: Info, value: Uint8Array) {
    this.info = info;
    this.#value = value;
  }
  /** Returns a copy of the value. */
  bytes(): Uint8Array {
    return this.#value.slice();
  }
  /** Returns the value as UTF-8, or throws a TypeError if it is binary. */
  text(): string {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.#value);
  }
}

/** What a commit did to a version: it is live, deleted or destroyed now. */
export interface VersionChange {
  readonly project: string;
  readonly path: string;
  readonly version: number;
  readonly state: Info["state"];
}

/** The changes of one commit. The position is "" unless a watch can be resumed after it. */
export interface Event {
  readonly position: string;
  readonly at?: Date;
  readonly by: string;
  readonly changes: readonly VersionChange[];
}

/** A registered project. */
export interface Project {
  readonly name: string;
  readonly description: string;
  readonly isDefault: boolean;
  readonly createdAt: Date;
  readonly createdBy: string;
}

/** The times and the condition of a new version. */
export interface PutOptions {
  ifAbsent?: boolean;
  ifVersion?: number;
  expiresAt?: Date;
  rotateAfter?: Date;
}

/** A change of apply: a put of value, or a deletion if there is none. */
export interface Change extends PutOptions {
  project: string;
  path: string;
  value?: string | Uint8Array;
}

/** The settings of a client. The identity is a service with its token, or a bearer. */
export interface Config {
  /** The URL of the server. It must be https or on this machine, unless plaintext is set. */
  address: string;
  service?: string;
  token?: string;
  /** A capability token. */
  bearer?: string;
  plaintext?: boolean;
  /** The limit of one attempt, in milliseconds. 10,000 by default. */
  timeout?: number;
  /** How often a request is sent at most. 4 by default. */
  attempts?: number;
}

/** The service and the rules of the caller. */
export interface Identity {
  readonly service: string;
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly limits?: readonly (readonly string[])[];
  readonly store?: string;
}

type Json = Record<string, unknown>;

interface Request {
  wait?: number; // seconds that the server may take more
  signal?: AbortSignal;
  method: string;
  path: string;
  query?: Record<string, string>;
  body?: unknown;
  conditional?: boolean;
}

interface Failure {
  error: VaultError;
  retry: boolean;
  after: number; // seconds
}

interface Polled {
  position: string;
  events: Event[];
}

const longPoll = 50; // seconds
const maxAnswer = 64 << 20; // bytes

/** A service that uses a vault over HTTP. */
export class Client {
  readonly #base: string;
  readonly #headers: Record<string, string>;
  readonly #timeout: number;
  readonly #attempts: number;

  constructor(config: Config) {
    this.#base = baseURL(config);
    const { service, token, bearer } = config;
    if ((token !== undefined && bearer !== undefined) || (token === undefined && bearer === undefined)
      || (token !== undefined && !service)) {
      throw new VaultError("invalid", "send either a service with its token, or a bearer");
    }
    if ([service, token, bearer].some((t) => t !== undefined && !/^[ -~]*$/.test(t))) {
      throw new VaultError("invalid", "a service or token contains a control character, such as a newline");
    }
    this.#headers = bearer !== undefined
      ? { Authorization: `Bearer ${bearer}` }
      : { "X-Service": service ?? "", "X-Token": token ?? "" };
    this.#timeout = config.timeout ?? 10_000;
    this.#attempts = Math.max(1, config.attempts ?? 4);
  }

  /** Returns the current version of a secret, or the given one. */
  async get(project: string, path: string, version?: number): Promise<Secret> {
    const query: Record<string, string> = version === undefined ? {} : { version: String(version) };
    const { found } = await this.#send({ method: "GET", path: route("/api/secrets", project, path), query }, (answer) => {
      const secret = toSecret(answer);
      check(secret.info.project === project && secret.info.path === path);
      return secret;
    });
    return found;
  }

  /** Makes a new version. */
  async put(project: string, path: string, value: string | Uint8Array, options: PutOptions = {}): Promise<Info> {
    if (value === undefined || value === null) throw new VaultError("invalid", "value is missing; delete removes a secret");
    return first(await this.apply([{ ...options, project, path, value }]));
  }

  /** Marks the current version as deleted. */
  async delete(project: string, path: string, options: { ifVersion?: number } = {}): Promise<void> {
    await this.apply([{ ...options, project, path }]);
  }

  /** Makes several changes in order, all or none. */
  async apply(changes: readonly Change[]): Promise<Info[]> {
    // A put that expects a version cannot be made twice, because versions are never reused.
    const addresses = new Set(changes.map((c) => `${c.project}/${c.path}`));
    const conditional = addresses.size === changes.length
      && changes.some((c) => c.value !== undefined && c.ifVersion !== undefined);
    const body = { changes: changes.map(changeBody) };
    const { found } = await this.#send({ method: "POST", path: "/api/changes", body, conditional }, (answer) => {
      const infos = toArray(answer).map(toInfo);
      check(infos.length === changes.length);
      return infos;
    });
    return found;
  }

  /** Clears the mark of the last deletion. */
  async undelete(project: string, path: string): Promise<void> {
    await this.#send({ method: "POST", path: route("/api/versions", project, path), body: { op: "undelete" } }, () => undefined);
  }

  /** Removes the values of versions for good, or of all versions if none is given. */
  async destroy(project: string, path: string, ...versions: number[]): Promise<void> {
    const body = versions.length > 0 ? { op: "destroy", versions } : { op: "destroy", all: true };
    await this.#send({ method: "POST", path: route("/api/versions", project, path), body }, () => undefined);
  }

  /** Yields the secrets below a prefix, without values. */
  list(project = "", prefix = "", options: { deleted?: boolean } = {}): AsyncGenerator<Info> {
    return this.#pages("/api/secrets", { project, prefix, deleted: options.deleted ? "true" : "" }, toInfo);
  }

  /** Yields the secrets of a project below a prefix, with values. */
  getAll(project: string, prefix = ""): AsyncGenerator<Secret> {
    return this.#pages(route("/api/secrets", project), { prefix }, toSecret);
  }

  /** Yields every version of a secret, newest first, without values. */
  versions(project: string, path: string): AsyncGenerator<Info> {
    return this.#pages(route("/api/versions", project, path), {}, (item) => toInfo({ ...toObject(item), project, path }));
  }

  /** Yields the visible projects. */
  projects(): AsyncGenerator<Project> {
    return this.#pages("/api/projects", {}, (item) => {
      const p = toObject(item);
      return {
        name: text(p.name), description: text(p.description), isDefault: p.is_default === true,
        createdAt: time(p.created_at), createdBy: text(p.created_by),
      };
    });
  }

  /** Returns the service and the rules of the caller. */
  async whoami(): Promise<Identity> {
    const { found } = await this.#send({ method: "GET", path: "/api/whoami" }, (answer) => toObject(answer) as unknown as Identity);
    return found;
  }

  /**
   * Yields the changes below a prefix as they are made, from now on or after a position. The first
   * event has no changes: list the secrets after it, and you miss nothing. To resume, pass the
   * position of the last event. "stale_position": list the secrets and watch without it. Abort the
   * signal to end it.
   */
  async *watch(project = "", prefix = "", options: { position?: string; signal?: AbortSignal } = {}): AsyncGenerator<Event> {
    let position = options.position ?? "";
    while (!options.signal?.aborted) {
      const wait = position === "" ? 0 : longPoll;
      const query = { project, prefix, cursor: position, wait: String(wait) };
      const r = { method: "GET", path: "/api/watch", query, wait, ...(options.signal && { signal: options.signal }) };
      let found: Polled;
      try {
        ({ found } = await this.#send(r, toPolled));
      } catch (e) {
        if (options.signal?.aborted) return;
        throw e;
      }
      if (found.events.length === 0 && position === "") yield { position: found.position, by: "", changes: [] };
      position = found.position;
      // Only the last event of an answer has a position.
      for (const [n, e] of found.events.entries()) yield n === found.events.length - 1 ? { ...e, position } : e;
    }
  }

  async *#pages<T>(path: string, query: Record<string, string>, convert: (item: unknown) => T): AsyncGenerator<T> {
    for (let cursor = ""; ;) {
      const page = await this.#send({ method: "GET", path, query: { ...query, cursor } }, (answer) => toArray(answer).map(convert));
      yield* page.found;
      if ((cursor = page.cursor) === "") return;
    }
  }

  /** Sends a request, again if that is safe. */
  async #send<T>(r: Request, convert: (answer: unknown) => T): Promise<{ found: T; cursor: string }> {
    const reads = r.method === "GET";
    let unknown = false;
    for (let attempt = 1; ; attempt++) {
      const result = await this.#attempt(r, convert);
      if (!("error" in result)) return result;
      let { error } = result;
      unknown ||= !reads && error.kind === "unknown_outcome";
      if (unknown && error.kind !== "unknown_outcome") {
        error = new VaultError("unknown_outcome", `outcome unknown, read before trying again: ${error.message}`);
      } else if (reads && error.kind === "unknown_outcome") {
        error = new VaultError("unavailable", error.message, error.code, error.status);
      }
      if (!result.retry || (unknown && !r.conditional) || attempt >= this.#attempts || result.after > 5) throw error;
      await sleep(Math.max(result.after * 1000, 100 * 2 ** (attempt - 1) * (0.5 + Math.random())));
    }
  }

  /** Sends a request once. */
  async #attempt<T>(r: Request, convert: (answer: unknown) => T): Promise<{ found: T; cursor: string } | Failure> {
    const given = Object.entries(r.query ?? {}).filter(([, value]) => value !== "");
    const target = this.#base + r.path + (given.length > 0 ? `?${new URLSearchParams(given)}` : "");
    const headers: Record<string, string> = { ...this.#headers };
    if (r.body !== undefined) headers["Content-Type"] = "application/json";
    let response: Response;
    let answer: Uint8Array;
    try {
      response = await fetch(target, {
        method: r.method, headers, body: r.body === undefined ? null : JSON.stringify(r.body),
        redirect: "manual", credentials: "omit", cache: "no-store", signal: limit(this.#timeout + 1000 * (r.wait ?? 0), r.signal),
      });
      answer = await readBounded(response);
    } catch (e) {
      // Only the code: the text may repeat what a broken server echoed.
      const code = causeCode(e);
      if (neverSent.includes(code)) return failure("unavailable", `the server cannot be reached (${code})`, true);
      return failure("unknown_outcome", "no answer of the server", true);
    }
    const after = /^\d{1,5}$/.test(response.headers.get("Retry-After") ?? "") ? Number(response.headers.get("Retry-After")) : 0;
    if (!response.ok) return { ...refused(response, answer), after };
    try {
      const found = convert(answer.length > 0 ? JSON.parse(decode(answer)) : undefined);
      return { found, cursor: nextCursor(response.headers.get("Link") ?? "") };
    } catch {
      return failure("unknown_outcome", "the answer is malformed or too large", false);
    }
  }
}

/** The codes of errors before anything was sent, as Node.js has them. Other runtimes have none. */
const neverSent: readonly string[] = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"];

function causeCode(e: unknown): string {
  const cause = e instanceof Error ? e.cause : undefined;
  return typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "";
}

function failure(kind: Kind, message: string, retry: boolean, status = 0): Failure {
  return { error: new VaultError(kind, message, "", status), retry, after: 0 };
}

/** Returns the failure of an answer that is no success. Only problems of the API are believed. */
function refused(response: Response, answer: Uint8Array): Failure {
  const { status } = response;
  const type = (response.headers.get("Content-Type") ?? "").split(";")[0]?.trim();
  try {
    const problem = type === "application/problem+json" ? toObject(JSON.parse(decode(answer))) : {};
    const code = typeof problem.code === "string" && Object.hasOwn(kinds, problem.code) ? problem.code : "";
    const kind = kinds[code];
    if (code !== "" && kind !== undefined) {
      const index = typeof problem.index === "number" ? problem.index : undefined;
      return { error: new VaultError(kind, code.replaceAll("_", " "), code, status, index), retry: kind === "unavailable", after: 0 };
    }
  } catch {
    // It is no problem of the API.
  }
  if (response.type === "opaqueredirect" || (status >= 300 && status < 400)) {
    return failure("unavailable", "the server redirects, which is not followed", false, status);
  }
  if (status === 429) return failure("unavailable", "status 429, not by a vault", true, status);
  return failure("unknown_outcome", `status ${status}, not by a vault`, status >= 500, status);
}

/** Returns a signal that is aborted after some milliseconds, or with the other signal. */
function limit(milliseconds: number, other?: AbortSignal): AbortSignal {
  const timeout = AbortSignal.timeout(milliseconds); // it does not keep a program from ending
  if (other === undefined) return timeout;
  const both = new AbortController();
  for (const one of [timeout, other]) {
    if (one.aborted) both.abort();
    one.addEventListener("abort", () => both.abort(), { once: true, signal: both.signal });
  }
  return both.signal;
}

async function readBounded(response: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
    parts.push(part.value);
    if ((size += part.value.length) > maxAnswer) {
      await reader?.cancel();
      throw new Error("too large");
    }
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function baseURL(config: Config): string {
  let url: URL;
  try {
    url = new URL(config.address);
  } catch {
    throw new VaultError("invalid", "address is not a URL such as https://vault.example.org");
  }
  if ((url.protocol !== "https:" && url.protocol !== "http:") || url.username || url.password || url.search || url.hash) {
    throw new VaultError("invalid", "address takes a host, a port and a path only");
  }
  if (url.protocol === "http:" && !config.plaintext && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)) {
    throw new VaultError("invalid", "address would send the token in plain text: use https, or set plaintext");
  }
  return url.origin + url.pathname.replace(/\/+$/, "");
}

function route(base: string, project: string, path?: string): string {
  const segments = path === undefined ? [project] : [project, ...path.split("/")];
  if (segments.some((s) => s === "" || s === "." || s === "..")) {
    throw new VaultError("invalid", "invalid name: a segment is empty, . or ..");
  }
  return [base, ...segments.map(encodeURIComponent)].join("/");
}

function changeBody(c: Change): Json {
  const body: Json = { op: c.value === undefined ? "delete" : "put", project: c.project, path: c.path };
  if (typeof c.value === "string") body.value = c.value;
  else if (c.value !== undefined) Object.assign(body, { value: toBase64(c.value), encoding: "base64" });
  if (c.ifAbsent) body.if_absent = true;
  if (c.ifVersion !== undefined) body.if_version = c.ifVersion;
  if (c.expiresAt !== undefined) body.expires_at = c.expiresAt.toISOString();
  if (c.rotateAfter !== undefined) body.rotate_after = c.rotateAfter.toISOString();
  return body;
}

function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function check(ok: boolean): asserts ok {
  if (!ok) throw new TypeError("malformed");
}

function toObject(value: unknown): Json {
  check(typeof value === "object" && value !== null && !Array.isArray(value));
  return value as Json;
}

function toArray(value: unknown): unknown[] {
  check(Array.isArray(value));
  return value;
}

function text(value: unknown): string {
  check(typeof value === "string");
  return value;
}

function time(value: unknown): Date {
  const date = new Date(text(value));
  check(!Number.isNaN(date.getTime()));
  return date;
}

function toPolled(value: unknown): Polled {
  const answer = toObject(value);
  const events = toArray(answer.events).map((sent) => {
    const e = toObject(sent);
    return { position: "", at: time(e.at), by: text(e.by), changes: toArray(e.changes).map(toChange) };
  });
  return { position: text(answer.cursor), events };
}

function toChange(value: unknown): VersionChange {
  const { project, path, version, state } = toObject(value);
  check(typeof version === "number" && (state === "live" || state === "deleted" || state === "destroyed"));
  return { project: text(project), path: text(path), version, state };
}

function toInfo(value: unknown): Info {
  const item = toObject(value);
  const state = item.state ?? "live";
  check(typeof item.version === "number" && (state === "live" || state === "deleted" || state === "destroyed"));
  return {
    project: text(item.project), path: text(item.path), version: item.version, state,
    updatedAt: time(item.updated_at), updatedBy: text(item.updated_by),
    ...(item.expires_at === undefined ? {} : { expiresAt: time(item.expires_at) }),
    ...(item.rotate_after === undefined ? {} : { rotateAfter: time(item.rotate_after) }),
  };
}

function toSecret(value: unknown): Secret {
  const item = toObject(value);
  const sent = text(item.value);
  const bytes = item.encoding === "base64"
    ? Uint8Array.from(atob(sent), (c) => c.charCodeAt(0))
    : new TextEncoder().encode(sent);
  return new Secret(toInfo(item), bytes);
}

/** Decodes an answer, which is always UTF-8. */
function decode(answer: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(answer);
}

/** Returns the cursor of a Link. Only that is used: the server must not choose where tokens go. */
function nextCursor(link: string): string {
  const target = link.includes('rel="next"') ? /<([^>]*)>/.exec(link)?.[1] : undefined;
  return new URLSearchParams(target?.split("?")[1] ?? "").get("cursor") ?? "";
}

function first<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined) throw new VaultError("unknown_outcome", "the answer is malformed or too large");
  return item;
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
