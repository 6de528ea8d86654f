// Error messages: what happened and what to do.

import {Failure} from './api.js'
import {h} from './dom.js'
import {m} from './messages.js'

// ClipboardRefused reports that the browser does not let the page write to the clipboard.
export class ClipboardRefused extends Error {}

// explain returns what happened and what to do, chosen by status, and the server's text, which is
// more specific.
export function explain(error) {
  if (error instanceof ClipboardRefused) return {...m.errors.clipboard, detail: ''}
  if (!(error instanceof Failure)) return {what: m.errors.bug.what, todo: m.errors.bug.todo, detail: ''}
  const known = m.errors[error.status] ?? (error.status >= 500 ? m.errors[500] : m.errors.other)
  return {...known, detail: error.detail}
}

// problem shows an error. Screen readers announce it at once.
export function problem(error, ...actions) {
  const {what, todo, detail} = explain(error)
  return h('div', {class: 'problem', role: 'alert'},
    h('p', {}, h('strong', {}, what), ' ', todo),
    detail ? h('p', {class: 'detail'}, m.errors.server, ' ', h('span', {}, detail)) : null,
    actions.length ? h('p', {class: 'actions'}, actions) : null)
}

// errorArea returns an area of a form for its errors.
export function errorArea() {
  const element = h('div', {class: 'hide-empty'})
  return {
    element,
    show(error) {
      if (error?.name !== 'AbortError') element.replaceChildren(problem(error))
    },
    say(node) { element.replaceChildren(node) },
    clear() { element.replaceChildren() },
  }
}

