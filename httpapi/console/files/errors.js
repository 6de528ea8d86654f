// Errors as people read them: what happened, and what to do.

import {Failure} from './api.js'
import {h} from './dom.js'
import {m} from './messages.js'

// ClipboardRefused is that the browser does not let the page write to the clipboard.
export class ClipboardRefused extends Error {}

// explain gives the two sentences for an error. Ours go by the status; the server's own text, which
// is the more exact one, follows them.
export function explain(error) {
  if (error instanceof ClipboardRefused) return {...m.errors.clipboard, detail: ''}
  if (!(error instanceof Failure)) return {what: m.errors.bug.what, todo: m.errors.bug.todo, detail: ''}
  const known = m.errors[error.status] ?? (error.status >= 500 ? m.errors[500] : m.errors.other)
  return {...known, detail: error.detail}
}

// problem shows an error where it happened. Screen readers tell it at once.
export function problem(error, ...actions) {
  const {what, todo, detail} = explain(error)
  return h('div', {class: 'problem', role: 'alert'},
    h('p', {}, h('strong', {}, what), ' ', todo),
    detail ? h('p', {class: 'detail'}, m.errors.server, ' ', h('span', {}, detail)) : null,
    actions.length ? h('p', {class: 'actions'}, actions) : null)
}

// place is where the errors of a form stand.
export function place() {
  const element = h('div', {class: 'place'})
  return {
    element,
    show(error) {
      if (error?.name !== 'AbortError') element.replaceChildren(problem(error))
    },
    say(node) { element.replaceChildren(node) },
    clear() { element.replaceChildren() },
  }
}

// note is a short text beside what it belongs to.
export function note(text, kind = 'note') {
  return h('p', {class: kind}, text)
}
