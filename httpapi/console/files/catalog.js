// The names that the service may list, cached while it is signed in. The tree, the matrix and the
// import share them. The catalog has no values.

import {pages, projects as fetchProjects} from './api.js'

const maxNames = 50000

let loading = null
const state = {items: new Map(), projects: [], sorted: null, complete: true}
const changed = new EventTarget()

const keyOf = (project, path) => project + '\0' + path

// load fetches the names, unless they are already loaded and fresh is false. It calls onPage with
// the number of names after each page.
export function load(fresh = false, onPage = () => {}) {
  if (loading && !fresh) return loading
  loading = fetchAll(onPage)
  loading.catch(() => { loading = null })
  return loading
}

async function fetchAll(onPage) {
  const [projects, items] = await Promise.all([fetchProjects(), fetchItems(onPage)])
  Object.assign(state, {projects, items, sorted: null})
  changed.dispatchEvent(new Event('change'))
}

async function fetchItems(onPage) {
  const items = new Map()
  for await (const page of pages('api/secrets', {})) {
    for (const item of page) items.set(keyOf(item.project, item.path), item)
    state.complete = items.size < maxNames
    onPage(items.size)
    if (!state.complete) break
  }
  return items
}

export function projects() { return state.projects }
export function complete() { return state.complete }
export function find(project, path) { return state.items.get(keyOf(project, path)) }

// all returns the live secrets, ordered by project and path. Each also has the full name, its
// parts, and the name in lower case for filters.
export function all() {
  state.sorted ??= [...state.items.values()]
    .map((item) => {
      const name = `${item.project}/${item.path}`
      return {...item, name, parts: name.split('/'), search: name.toLowerCase()}
    })
    .sort((a, b) => order(a.project, b.project) || order(a.path, b.path))
  return state.sorted
}

function order(a, b) {
  return a < b ? -1 : a > b ? 1 : 0
}

// put adds or updates a secret that this page wrote.
export function put(item) {
  const {project, path, version, updated_at, updated_by, expires_at, rotate_after} = item
  state.items.set(keyOf(project, path), {project, path, version, updated_at, updated_by, expires_at, rotate_after})
  if (!state.projects.some((p) => p.name === project)) {
    state.projects = [...state.projects, {name: project, description: '', is_default: false}]
      .sort((a, b) => order(a.name, b.name))
  }
  change()
}

export function remove(project, path) {
  state.items.delete(keyOf(project, path))
  change()
}

export function setProjects(list) {
  state.projects = list
  change()
}

function change() {
  state.sorted = null
  changed.dispatchEvent(new Event('change'))
}

// onChange calls update when the names change, until signal is aborted.
export function onChange(signal, update) {
  changed.addEventListener('change', update, {signal})
}
