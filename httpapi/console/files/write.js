// Changes to one secret, conditional on the version that the user has seen.

import {Failure, newest, request, secretPath} from './api.js'

// Conflict reports that the secret is no longer at the version that the user has seen.
export class Conflict extends Error {}

// write creates a version and returns it without its value. `seen` is {version, etag}: version 0
// requires that the secret does not exist, null means that the version is unknown, and etag is set
// if the value was read.
export async function write(project, path, body, seen) {
  if (seen.version === 0) return (await request('POST', 'api/secrets', {body: {project, path, ...body}})).body
  const route = secretPath('secrets', project, path)
  if (seen.etag || seen.version === null) return orConflict(request('PATCH', route, {body, match: seen.etag}).then((a) => a.body))
  return withIfVersion(project, path, seen.version, {op: 'put', ...body}, () => request('PATCH', route, {body}).then((a) => a.body))
}

// remove marks a secret deleted.
export async function remove(project, path, seen) {
  const route = secretPath('secrets', project, path)
  if (seen.etag || seen.version === null) return orConflict(request('DELETE', route, {match: seen.etag}))
  return withIfVersion(project, path, seen.version, {op: 'delete'}, () => request('DELETE', route))
}

// withIfVersion makes a change on the condition of a version, through the route for several
// changes: an entity tag is only known after a read. If the store does not support that route, it
// checks the version first and then calls unconditional.
async function withIfVersion(project, path, version, change, unconditional) {
  try {
    const changes = [{project, path, if_version: version, ...change}]
    return (await orConflict(request('POST', 'api/changes', {body: {changes}}))).body[0]
  } catch (error) {
    if (!(error instanceof Failure) || error.status !== 501) throw error
  }
  const current = await newest(project, path)
  if (current.version !== version || current.state !== 'live') throw new Conflict()
  return unconditional()
}

async function orConflict(response) {
  try {
    return await response
  } catch (error) {
    if (error instanceof Failure && (error.status === 409 || error.status === 412)) throw new Conflict()
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
