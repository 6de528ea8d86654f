// Changes of one secret, each on the condition that it is still as it was seen.

import {Failure, newest, request, secretPath} from './api.js'

// Lost is that somebody else was faster: the secret is no longer at the version that was seen.
export class Lost extends Error {}

// write makes a new version. `seen` is what the change builds on: {version, etag}, with the etag if the
// value was read; version 0 means that there must be none, null that nothing is known of it. It gives
// the new version without its value.
export async function write(project, path, body, seen) {
  if (seen.version === 0) return (await request('POST', 'api/secrets', {body: {project, path, ...body}})).body
  const route = secretPath('secrets', project, path)
  if (seen.etag || seen.version === null) return lost(request('PATCH', route, {body, match: seen.etag}).then((a) => a.body))
  return conditionally(project, path, seen.version, {op: 'put', ...body}, () => request('PATCH', route, {body}).then((a) => a.body))
}

// remove marks a secret deleted.
export async function remove(project, path, seen) {
  const route = secretPath('secrets', project, path)
  if (seen.etag || seen.version === null) return lost(request('DELETE', route, {match: seen.etag}))
  return conditionally(project, path, seen.version, {op: 'delete'}, () => request('DELETE', route))
}

// conditionally names the version by the route for several changes, because an entity tag comes with a
// read of the value alone. A store that has no such changes is asked for the version just before.
async function conditionally(project, path, version, change, plainly) {
  try {
    const changes = [{project, path, if_version: version, ...change}]
    return (await lost(request('POST', 'api/changes', {body: {changes}}))).body[0]
  } catch (error) {
    if (!(error instanceof Failure) || error.status !== 501) throw error
  }
  const current = await newest(project, path)
  if (current.version !== version || current.state !== 'live') throw new Lost()
  return plainly()
}

async function lost(answer) {
  try {
    return await answer
  } catch (error) {
    if (error instanceof Failure && (error.status === 409 || error.status === 412)) throw new Lost()
    throw error
  }
}

export function restoreFromTrash(project, path) {
  return request('POST', secretPath('versions', project, path), {body: {op: 'undelete'}})
}

export function destroy(project, path, versions) {
  const body = versions ? {op: 'destroy', versions} : {op: 'destroy', all: true}
  return request('POST', secretPath('versions', project, path), {body})
}
