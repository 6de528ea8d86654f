// The screen of secrets that need attention: versions that expire, versions that are due for
// rotation, and secrets that are not read.

import {pages} from './api.js'
import {field, h, select} from './dom.js'
import {errorArea} from './errors.js'
import {when} from './format.js'
import {m} from './messages.js'
import {secretLink} from './router.js'
import {table} from './table.js'

const day = 86400 * 1000

export function show({main, heading, signal}) {
  heading.textContent = m.attention.title
  const ahead = select([7, 30, 90, 365].map((n) => [String(n), m.matrix.days(n)]), '30')
  const behind = select([7, 30, 90, 365].map((n) => [String(n), m.matrix.days(n)]), '90')
  const lists = [
    section(m.attention.expiring, m.attention.noneExpiring, m.attention.expiryColumns, signal,
      (until) => pages('api/secrets', {expires_before: until}, signal), (item) => [
        when(item.expires_at, true), item.expired ? h('span', {class: 'badge bad'}, m.attention.expired) : h('span', {class: 'badge warn'}, m.attention.soon), item.updated_by]),
    section(m.attention.due, m.attention.noneDue, m.attention.dueColumns, signal,
      (until) => pages('api/secrets', {rotate_before: until}, signal), (item) => [
        when(item.rotate_after, true), new Date(item.rotate_after) < new Date() ? h('span', {class: 'badge bad'}, m.attention.overdue) : h('span', {class: 'badge warn'}, m.attention.soon), item.updated_by]),
  ]
  const unused = section(m.attention.unused, m.attention.noneUnused, m.attention.unusedColumns, signal,
    (since) => pages('api/usage', {unused_since: since}, signal), (item) => [
      item.last_read_at ? when(item.last_read_at, true) : m.attention.never, item.last_read_by ?? '', when(item.known_since, true)], m.attention.unusedHint)
  const loadUnused = () => unused.load(new Date(Date.now() - Number(behind.value) * day).toISOString())
  behind.addEventListener('change', loadUnused)
  const loadDue = () => lists.forEach((list) => list.load(new Date(Date.now() + Number(ahead.value) * day).toISOString()))
  ahead.addEventListener('change', loadDue)
  main.append(h('div', {class: 'stack'}, h('div', {class: 'line'}, field(m.attention.ahead, ahead), field(m.attention.behind, behind)), lists.map((list) => list.element), unused.element))
  loadDue()
  loadUnused()
}

// section is a list with its own request, so that an error affects only this list.
function section(title, none, columns, signal, find, cells, hint) {
  const errors = errorArea()
  const body = h('div', {}, h('p', {class: 'soft'}, m.loading))
  const load = async (...query) => {
    errors.clear()
    try {
      const found = []
      for await (const page of find(...query)) found.push(...page)
      body.replaceChildren(found.length
        ? table(title, columns, found.map((item) => [h('a', {class: 'mono', href: secretLink(item.project, item.path)}, `${item.project}/${item.path}`), ...cells(item)]))
        : h('p', {class: 'soft'}, none))
    } catch (error) {
      if (signal.aborted) return
      body.replaceChildren()
      errors.show(error)
    }
  }
  return {load, element: h('section', {class: 'card'}, h('h2', {}, title), hint ? h('p', {class: 'hint'}, hint) : null, errors.element, body)}
}
