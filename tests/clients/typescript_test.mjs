// Tests of clients/myvault.ts, compiled to MYVAULT_CLIENT, against the server that MYVAULT_URL names.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { inspect } from "node:util";

const { Client, VaultError } = await import(process.env.MYVAULT_CLIENT);
const address = process.env.MYVAULT_URL;
const tokens = { admin: "token-for-tests-of-admin", reader: "token-for-tests-of-reader" };

const client = (service = "admin", more = {}) => new Client({ address, service, token: tokens[service], ...more });
const fails = (kind) => (e) => e instanceof VaultError && e.kind === kind;

async function all(items) {
  const found = [];
  for await (const item of items) found.push(item);
  return found;
}

// faulty starts a server that answers with a status, headers and a body, and counts requests.
async function faulty(t, ...answers) {
  const requests = [];
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      requests.push(request.url);
      const [status, headers, body] = answers[Math.min(requests.length, answers.length) - 1];
      if (status === 0) return request.socket.destroy();
      response.writeHead(status, headers).end(body);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => { server.closeAllConnections(); server.close(); });
  return { url: `http://127.0.0.1:${server.address().port}`, requests, server };
}

const problem = { "Content-Type": "application/problem+json" };
const busy = [503, { ...problem, "Retry-After": "0" }, '{"code":"busy","detail":"busy"}'];
const dropped = [0, {}, ""];
const secret = '{"project":"p","path":"a","value":"v","version":1,"updated_at":"2026-01-31T12:00:00.000000Z","updated_by":"s"}';

test("secrets", async () => {
  const v = client();
  await assert.rejects(v.get("ts", "prod/db"), fails("not_found"));
  const info = await v.put("ts", "prod/db", "hunter2", { ifAbsent: true });
  assert.deepEqual([info.version, info.state, info.updatedBy], [1, "live", "admin"]);
  assert.equal((await v.get("ts", "prod/db")).text(), "hunter2");
  await assert.rejects(v.put("ts", "prod/db", "x", { ifAbsent: true }), fails("exists"));
  await assert.rejects(v.put("ts", "prod/db", "x", { ifVersion: 7 }), fails("conflict"));
  const expiresAt = new Date("2090-01-02T03:04:05.678Z");
  assert.deepEqual((await v.put("ts", "prod/db", new Uint8Array([255, 0]), { ifVersion: 1, expiresAt })).expiresAt, expiresAt);
  const binary = await v.get("ts", "prod/db");
  assert.deepEqual([...binary.bytes()], [255, 0]);
  assert.throws(() => binary.text(), TypeError);
  assert.equal((await v.get("ts", "prod/db", 1)).text(), "hunter2");
  const shown = await v.get("ts", "prod/db", 1);
  assert.ok(!(inspect(shown, { showHidden: true, depth: 9 }) + JSON.stringify(shown)).includes("hunter2"));
  assert.deepEqual((await all(v.versions("ts", "prod/db"))).map((i) => i.version), [2, 1]);
  for (const none of [null, undefined]) await assert.rejects(v.put("ts", "prod/db", none), fails("invalid")); // it deletes nothing
  await v.delete("ts", "prod/db", { ifVersion: 2 });
  assert.deepEqual((await all(v.list("ts", "", { deleted: true }))).map((i) => i.state), ["deleted"]);
  await v.undelete("ts", "prod/db");
  await v.destroy("ts", "prod/db", 1);
  await assert.rejects(v.get("ts", "prod/db", 1), fails("destroyed"));
  await v.destroy("ts", "prod/db");
  await assert.rejects(v.get("ts", "prod/db"), fails("not_found"));
});

test("names", async () => {
  const v = client();
  for (const path of ["ä key/it's (1)", "a:b/c@d+e=f&g", "x/~41!"]) {
    await v.put("names", path, path);
    assert.equal((await v.get("names", path)).text(), path);
  }
  for (const path of ["", "a//b", "../a", "a/."]) await assert.rejects(v.get("names", path), fails("invalid"));
  await v.put("names", "bom", "\ufeffx");
  assert.equal((await v.get("names", "bom")).text(), "\ufeffx");
});

test("changes are all or none", async () => {
  const v = client();
  await assert.rejects(v.apply([{ project: "batch", path: "a", value: "1" }, { project: "batch", path: "a", value: "2", ifVersion: 9 }]),
    (e) => fails("conflict")(e) && e.index === 1);
  assert.deepEqual(await all(v.list("batch")), []);
  await v.apply([{ project: "batch", path: "a", value: "1" }, { project: "batch", path: "b", value: "2" }]);
  assert.deepEqual((await all(v.getAll("batch"))).map((s) => s.text()), ["1", "2"]);
});

test("pages", async () => {
  const v = client();
  const keys = Array.from({ length: 1500 }, (_, n) => ({ project: "pages", path: `k${10_000 + n}`, value: "x" }));
  await v.apply(keys.slice(0, 1000));
  await v.apply(keys.slice(1000));
  assert.equal(new Set((await all(v.list("pages"))).map((i) => i.path)).size, 1500);
  assert.equal((await all(v.getAll("pages"))).length, 1500);
  assert.ok((await all(v.projects())).some((p) => p.name === "pages" && !p.isDefault));
});

test("rights", async () => {
  const reader = client("reader");
  await assert.rejects(reader.put("newsbot", "prod/db", "x"), fails("denied"));
  assert.equal((await reader.whoami()).service, "reader");
  await assert.rejects(client("reader", { token: "wrong-token-0123456" }).get("newsbot", "prod/db"), fails("unauthenticated"));
  await assert.rejects(new Client({ address, bearer: "no-macaroon" }).get("newsbot", "prod/db"), fails("unauthenticated"));
});

test("watch", async () => {
  const v = client();
  await v.put("watch", "a", "1");
  const stop = new AbortController();
  const events = v.watch("watch", "", { signal: stop.signal });
  const next = async (from) => (await from.next()).value.changes.map((c) => `${c.path} ${c.version} ${c.state}`);
  const { value: start } = await events.next();
  assert.deepEqual(start.changes, []);
  await v.apply([{ project: "watch", path: "a", value: "2" }, { project: "watch", path: "b", value: "1" }]);
  await v.put("names", "other", "x");
  assert.deepEqual(await next(events), ["a 2 live", "b 1 live"]);
  await v.delete("watch", "a");
  assert.deepEqual(await next(events), ["a 2 deleted"]);
  const again = v.watch("watch", "", { position: start.position });
  assert.deepEqual([(await next(again)).length, (await next(again)).length], [2, 1]);
  await again.return();
  await assert.rejects(v.watch("watch", "", { position: "AAAA" }).next(), fails("stale_position"));
  setTimeout(() => stop.abort(), 50);
  assert.equal((await events.next()).done, true);
});

test("reads are repeated", async (t) => {
  const s = await faulty(t, busy, dropped, [200, {}, secret]);
  assert.equal((await client("admin", { address: s.url }).get("p", "a")).text(), "v");
  assert.equal(s.requests.length, 3);
});

test("changes are not repeated", async (t) => {
  for (const [options, requests] of [[{}, 1], [{ ifAbsent: true }, 1], [{ ifVersion: 1 }, 4]]) {
    const s = await faulty(t, dropped);
    await assert.rejects(client("admin", { address: s.url }).put("p", "a", "v", options), fails("unknown_outcome"));
    assert.equal(s.requests.length, requests);
  }
  const s = await faulty(t, dropped, [409, problem, '{"code":"conflict","detail":"x"}']);
  await assert.rejects(client("admin", { address: s.url }).put("p", "a", "v", { ifVersion: 1 }), fails("unknown_outcome"));
  const unchanged = await faulty(t, busy, [200, {}, `[${secret}]`]);
  await client("admin", { address: unchanged.url }).put("p", "a", "v");
  assert.equal(unchanged.requests.length, 2);
});

test("no server", async (t) => {
  const s = await faulty(t, busy);
  s.server.close();
  await assert.rejects(client("admin", { address: s.url, attempts: 1 }).put("p", "a", "v"), fails("unavailable"));
});

test("a silent server", async (t) => {
  const server = createServer(() => {});
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => { server.closeAllConnections(); server.close(); });
  const v = client("admin", { address: `http://127.0.0.1:${server.address().port}`, timeout: 50, attempts: 2 });
  await assert.rejects(v.get("p", "a"), fails("unavailable"));
});

test("no secret in errors", async (t) => {
  const token = tokens.admin;
  for (const answer of [
    [302, { Location: `http://${token}` }, ""], [400, problem, `{"code":"invalid","detail":"${token}"}`],
    [400, problem, `{"code":"${token}"}`], [400, problem, '{"code":"constructor"}'], [200, {}, token], [500, {}, token], [404, {}, token],
    [404, { "Content-Type": "application/json" }, '{"code":"not_found"}'], [200, {}, "[]"], [200, {}, `{"version":"${token}"}`],
  ]) {
    const s = await faulty(t, answer);
    const v = client("admin", { address: s.url, attempts: 1 });
    for (const call of [() => v.get("p", "a"), () => v.put("p", "a", "a-secret-value")]) {
      await assert.rejects(call(), (e) => {
        const shown = inspect(e, { depth: 9 });
        return e instanceof VaultError && e.kind !== "not_found" && !shown.includes(token) && !shown.includes("a-secret-value");
      });
    }
  }
  assert.throws(() => client("admin", { token: "a\ntoken" }), fails("invalid"));
  assert.ok(!inspect(client(), { showHidden: true, depth: 9 }).includes(token));
});

test("redirects and links are not followed", async (t) => {
  const other = await faulty(t, [200, {}, "[]"]);
  const redirect = await faulty(t, [307, { Location: `${other.url}/x` }, ""]);
  await assert.rejects(client("admin", { address: redirect.url }).get("p", "a"), fails("unavailable"));
  const s = await faulty(t, [200, { Link: `<${other.url}/api/secrets?cursor=second>; rel="next"` }, "[]"], [200, {}, "[]"]);
  assert.deepEqual(await all(client("admin", { address: s.url }).list()), []);
  assert.equal(s.requests[1], "/api/secrets?cursor=second");
  assert.deepEqual(other.requests, []);
});

test("addresses", () => {
  for (const wrong of ["", "vault.example.org", "ftp://a", "https://a:b@c", "https://a?b", "http://vault.example.org"]) {
    assert.throws(() => client("admin", { address: wrong }), fails("invalid"));
  }
});
