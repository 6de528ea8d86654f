// Requests to the API of httpapi, which lies beside the console.

import {headers, renew} from './session.js'

// Failure is a request that was refused or got no answer. `detail` is the server's own text, which
// never repeats what was sent; status 0 means that there was no answer.
export class Failure extends Error {
  constructor(status, detail) {
    super(detail)
    this.status = status
    this.detail = detail
  }
}

// base is the folder of the API's routes. It is found beside the console, so that a proxy may serve
// both below a path of its own.
const base = new URL('../', document.baseURI)

// secretPath escapes an address for a route: each segment once, the slashes plain.
export function secretPath(route, project, path) {
  return `api/${route}/` + [project, ...path.split('/')].map(encodeURIComponent).join('/')
}

// request sends one request, and gives status, body, ETag and the query of the next page. It
// throws a Failure. Where the identity is refused, it asks to sign in again, and goes on.
export async function request(method, path, options = {}) {
  const answer = await send(method, path, options)
  if (answer.status !== 401 || options.once) return read(answer)
  if (!await renew()) return read(answer)
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

async function read(answer) {
  let body = null
  try {
    const text = await answer.text()
    if (text) body = JSON.parse(text)
  } catch {
    throw new Failure(answer.ok ? 0 : answer.status, '')
  }
  if (!answer.ok) throw new Failure(answer.status, typeof body?.detail === 'string' ? body.detail : '')
  return {status: answer.status, body, etag: answer.headers.get('ETag'), next: nextOf(answer.headers.get('Link'))}
}

// nextOf gives the cursor of the next page, out of the Link header.
function nextOf(link) {
  const found = /<([^>]*)>; rel="next"/.exec(link ?? '')
  return found ? new URL(found[1], base).searchParams.get('cursor') : null
}

// pages gives the items of all pages of a listing, page by page.
export async function* pages(path, query, signal) {
  for (let cursor = ''; cursor !== null;) {
    const {body, next} = await request('GET', path, {query: {...query, cursor}, signal})
    yield body
    cursor = next
  }
}

// collect gives the items of the pages of a listing, until there are as many as `most`.
async function collect(path, signal, most = Infinity) {
  const found = []
  for await (const page of pages(path, {}, signal)) {
    found.push(...page)
    if (found.length >= most) break
  }
  return found
}

export function projects(signal) { return collect('api/projects', signal) }

// mostVersions is how many versions of a history are shown.
export const mostVersions = 2000

// history gives the newest versions first.
export function history(project, path, signal) {
  return collect(secretPath('versions', project, path), signal, mostVersions)
}

export async function newest(project, path, signal) {
  const {body} = await request('GET', secretPath('versions', project, path), {query: {limit: 1}, signal})
  return body[0]
}

// readValue reads one value; each call is one entry in the trail.
export async function readValue(project, path, version, signal) {
  const {body, etag} = await request('GET', secretPath('secrets', project, path), {query: {version}, signal})
  return {...body, etag}
}
