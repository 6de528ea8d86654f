// The history of a secret, with the difference between two versions and the restoring of old ones.

import * as api from './api.js'
import {announce, button, busyWhile, field, h, select} from './dom.js'
import {confirm} from './dialog.js'
import {difference} from './diff.js'
import {errorArea} from './errors.js'
import {when} from './format.js'
import {m} from './messages.js'
import {autoHide} from './autohide.js'
import {Conflict, destroy, write} from './write.js'

// versions shows the history and calls onChange after it has changed it. seen() is the version
// that a restored one follows. If the newest version is not live, none can be read, restored or
// compared.
export function versions({project, path, history, seen, signal, onChange}) {
  const readable = history[0].state === 'live'
  const errors = errorArea()
  const act = (work) => async () => {
    errors.clear()
    try {
      await work()
    } catch (error) {
      errors.show(error instanceof Conflict ? new api.Failure(409, '') : error)
    }
  }
  const row = (version) => h('tr', {},
    h('th', {scope: 'row'}, m.version(version.version)),
    h('td', {}, state(version)), h('td', {}, when(version.updated_at)), h('td', {}, version.updated_by),
    h('td', {}, h('span', {class: 'row-actions'}, readable && version.state === 'live' && version !== history[0]
      ? button(m.versions.restore, act(() => restore(version)), {'aria-label': m.versions.restoreOne(version.version)}) : null,
    version.state !== 'destroyed'
      ? button(m.versions.destroy, act(() => destroyOne(version)), {class: 'danger-quiet', 'aria-label': m.versions.destroyOne(version.version)}) : null)))

  async function restore(version) {
    const {value, encoding} = await api.readValue(project, path, version.version, signal)
    const made = await write(project, path, {value, encoding}, seen())
    announce(m.versions.restored(version.version, made.version))
    onChange()
  }

  async function destroyOne(version) {
    const sure = await confirm({
      title: m.versions.destroyOne(version.version), text: m.destroy.text, action: m.destroy.action, danger: true, typed: `${project}/${path}`,
    })
    if (!sure) return
    await destroy(project, path, [version.version])
    announce(m.destroy.done)
    onChange()
  }

  return h('section', {class: 'card'}, h('h3', {}, m.versions.title),
    h('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': m.versions.title}, h('table', {},
      h('thead', {}, h('tr', {}, [...m.versions.columns.map((text) => h('th', {scope: 'col'}, text)), h('td', {})])),
      h('tbody', {}, history.map(row)))),
    history.length >= api.maxVersions ? h('p', {class: 'soft'}, m.versions.newest(history.length)) : null,
    errors.element,
    compare({project, path, signal, live: history.filter((v) => readable && v.state === 'live'), errors}))
}

export function state(version) {
  const kind = {live: 'good', deleted: 'warn', destroyed: 'bad'}[version.state]
  return h('span', {class: `badge ${kind}`}, m.states[version.state])
}

// compare shows the difference between two versions. It reads both, which adds two entries to the
// trail.
function compare({project, path, signal, live, errors}) {
  if (live.length < 2) return null
  const options = live.map((v) => [String(v.version), m.version(v.version)])
  const before = select(options, options[1][0])
  const after = select(options, options[0][0])
  const shown = autoHide(signal, () => {})
  const show = button(m.versions.compare, () => busyWhile(show, async () => {
    errors.clear()
    try {
      const [a, b] = await Promise.all([before, after].map((list) => api.readValue(project, path, list.value, signal)))
      shown.show(lines(difference(a.value, b.value)))
    } catch (error) {
      errors.show(error)
    }
  }))
  return h('div', {class: 'stack-tight'},
    h('div', {class: 'line'}, field(m.versions.from, before), field(m.versions.to, after), show),
    h('p', {class: 'hint'}, m.versions.compareHint), shown.element)
}

function lines(found) {
  const kind = {'-': 'removed', '+': 'added', ' ': 'same'}
  return h('pre', {class: 'text diff', tabindex: '0', 'aria-label': m.versions.difference}, found.map(([sign, text]) =>
    h('span', {class: kind[sign]}, h('span', {class: 'hidden'}, sign === ' ' ? '' : m.versions[kind[sign]] + ' '), h('span', {'aria-hidden': 'true'}, sign + ' '), text + '\n')))
}
