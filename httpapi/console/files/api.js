// Requests to the HTTP API, which is served next to the console.

import {headers, renew} from './session.js'

// Failure is a failed request. `detail` is the server's text, which never repeats the input. Status
// 0 means that there was no response.
export class Failure extends Error {
  constructor(status, detail) {
    super(detail)
    this.status = status
    this.detail = detail
  }
}

// base is the parent of the console's path, so that a proxy can serve the console and the API below
// any path.
const base = new URL('../', document.baseURI)

// secretPath returns the path of an address below a route. It escapes each segment, but not the
// slashes.
export function secretPath(route, project, path) {
  return `api/${route}/` + [project, ...path.split('/')].map(encodeURIComponent).join('/')
}

// request sends a request and returns the body, the ETag and the cursor of the next page. It throws a
// Failure. On status 401 it asks the user to sign in again and repeats the request, unless `once` is
// set.
export async function request(method, path, options = {}) {
  const response = await send(method, path, options)
  if (response.status !== 401 || options.once) return read(response)
  if (!await renew()) return read(response)
  return read(await send(method, path, options))
}

async function send(method, path, {query, body, match, signal, as} = {}) {
  const url = new URL(path, base)
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== '' && value !== null && value !== undefined) url.searchParams.set(name, value)
  }
  const sent = new Headers(as ?? headers())
  if (body !== undefined) sent.set('Content-Type', 'application/json')
  if (match) sent.set('If-Match', match)
  try {
    return await fetch(url, {
      method, headers: sent, signal, body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store', credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer',
    })
  } catch (error) {
    if (error.name === 'AbortError') throw error
    throw new Failure(0, '')
  }
}

async function read(response) {
  let body = null
  try {
    const text = await response.text()
    if (text) body = JSON.parse(text)
  } catch {
    throw new Failure(response.ok ? 0 : response.status, '')
  }
  if (!response.ok) throw new Failure(response.status, typeof body?.detail === 'string' ? body.detail : '')
  return {body, etag: response.headers.get('ETag'), next: nextCursor(response.headers.get('Link'))}
}

// nextCursor returns the cursor of the next page from a Link header, or null.
function nextCursor(link) {
  const found = /<([^>]*)>; rel="next"/.exec(link ?? '')
  return found ? new URL(found[1], base).searchParams.get('cursor') : null
}

// pages yields the pages of a listing.
export async function* pages(path, query, signal) {
  for (let cursor = ''; cursor !== null;) {
    const {body, next} = await request('GET', path, {query: {...query, cursor}, signal})
    yield body
    cursor = next
  }
}

// collect returns the items of a listing. It fetches no more pages once it has `enough` items.
async function collect(path, signal, enough = Infinity) {
  const found = []
  for await (const page of pages(path, {}, signal)) {
    found.push(...page)
    if (found.length >= enough) break
  }
  return found
}

export function projects(signal) { return collect('api/projects', signal) }

// maxVersions limits the versions of a history.
export const maxVersions = 2000

// history returns the versions of a secret, the newest first.
export function history(project, path, signal) {
  return collect(secretPath('versions', project, path), signal, maxVersions)
}

export async function newest(project, path, signal) {
  const {body} = await request('GET', secretPath('versions', project, path), {query: {limit: 1}, signal})
  return body[0]
}

// readValue reads a value. Each call adds an entry to the trail.
export async function readValue(project, path, version, signal) {
  const {body, etag} = await request('GET', secretPath('secrets', project, path), {query: {version}, signal})
  return {...body, etag}
}

// watch yields the events of the stream of changes after cursor. It throws a Failure if the server
// refuses the stream.
export async function* watch(cursor, signal) {
  const response = await send('GET', 'api/watch', {query: {cursor}, signal})
  if (!response.ok) await read(response)
  let text = ''
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    const events = (text + part).split('\n\n')
    text = events.pop()
    for (const event of events) {
      const field = (name) => event.split('\n').find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? ''
      yield {id: field('id'), data: JSON.parse(field('data') || '{}')}
    }
  }
}
