// One secret: what is known of it without its value, and the value on request.

import * as api from './api.js'
import {announce, button, h} from './dom.js'
import {problem} from './errors.js'
import {when} from './format.js'
import {m} from './messages.js'
import {link} from './router.js'
import {valueBox} from './valuebox.js'

// show fills the pane with a secret.
export async function show(pane, project, path, signal) {
  const at = path.lastIndexOf('/') + 1
  const heading = h('h2', {tabindex: '-1', class: 'address'},
    h('span', {class: 'soft'}, `${project}/${path.slice(0, at)}`), h('wbr'), path.slice(at))
  const body = h('div', {class: 'stack'}, h('p', {class: 'soft'}, m.loading))
  pane.replaceChildren(h('a', {href: link('secrets'), class: 'back'}, m.secret.back), heading, body)
  heading.focus()
  document.title = `${project}/${path} · myVault`
  try {
    const history = await api.history(project, path, signal)
    draw({project, path, history, body, signal})
  } catch (error) {
    if (signal.aborted) return
    body.replaceChildren(problem(error))
  }
}

function draw({project, path, history, body, signal}) {
  const newest = history[0]
  const box = valueBox({signal, read: () => api.readValue(project, path, null, signal)})
  body.replaceChildren(
    facts(newest),
    h('section', {class: 'card', 'aria-label': m.value.label}, h('h3', {}, m.value.label), box.element),
    h('div', {class: 'actions'}, button(m.secret.copyName, () => navigator.clipboard.writeText(`${project}/${path}`).then(() => announce(m.secret.nameCopied)))))
}

function facts(newest) {
  return h('dl', {class: 'facts'},
    h('div', {}, h('dt', {}, m.secret.version), h('dd', {}, String(newest.version))),
    h('div', {}, h('dt', {}, m.secret.changed), h('dd', {}, when(newest.updated_at, true))),
    h('div', {}, h('dt', {}, m.secret.by), h('dd', {}, newest.updated_by)))
}
