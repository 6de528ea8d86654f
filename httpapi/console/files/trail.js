// The screen of the audit trail and the heads of its chains.

import {request} from './api.js'
import {button, busyWhile, field, h, input, select} from './dom.js'
import {errorArea, problem} from './errors.js'
import {count, when} from './format.js'
import {m} from './messages.js'
import {link, secretLink} from './router.js'
import {table} from './table.js'

const names = ['project', 'prefix', 'service', 'action', 'outcome', 'since', 'until']
const outcomes = ['ok', 'begun', 'denied', 'unauthenticated', 'not_found', 'refused', 'unknown', 'error']
const perPage = 100

export function show({main, heading, route, signal}) {
  heading.textContent = m.trail.title
  const given = (name) => route.query.get(name) ?? ''
  const fields = {
    project: input({value: given('project')}), prefix: input({value: given('prefix')}), service: input({value: given('service')}),
    action: input({value: given('action'), placeholder: 'read'}),
    outcome: select([['', m.trail.any], ...outcomes.map((o) => [o, m.trail.outcomes[o]])], given('outcome')),
    since: input({type: 'datetime-local', value: given('since')}), until: input({type: 'datetime-local', value: given('until')}),
  }
  const errors = errorArea()
  const list = h('div', {class: 'stack-tight'})
  const showButton = h('button', {type: 'submit', class: 'primary'}, m.trail.show)
  const chains = h('section', {class: 'card'}, h('h2', {}, m.trail.chains), h('p', {class: 'soft'}, m.loading))
  main.append(h('div', {class: 'stack'},
    h('form', {class: 'card', on: {submit: (event) => {
      event.preventDefault()
      const query = Object.fromEntries(names.map((name) => [name, fields[name].value.trim()]))
      history.replaceState(null, '', link('trail', [], query)) // a link that can be shared
      busyWhile(showButton, () => load(apiQuery(query), list, errors, signal))
    }}}, h('div', {class: 'line'}, names.map((name) => {
      const shown = field(m.trail.fields[name], fields[name])
      shown.classList.toggle('wide', fields[name].type === 'datetime-local')
      return shown
    }), showButton)),
    errors.element, list, chains))
  load(apiQuery(Object.fromEntries(names.map((name) => [name, given(name)]))), list, errors, signal)
  heads(chains, signal)
}

// apiQuery returns the query of the API, with local times converted to UTC.
function apiQuery(query) {
  const time = (text) => text && new Date(text).toISOString()
  return {...query, since: time(query.since), until: time(query.until), limit: perPage}
}

async function load(query, list, errors, signal) {
  errors.clear()
  const rows = []
  const more = async (cursor) => {
    try {
      const {body, next} = await request('GET', 'api/audit', {query: {...query, cursor}, signal})
      rows.push(...body.map(row))
      const older = next ? button(m.trail.older, () => busyWhile(older, () => more(next))) : null
      list.replaceChildren(rows.length ? table(m.trail.title, m.trail.columns, rows) : h('div', {class: 'empty'}, m.trail.none), older ?? '')
    } catch (error) {
      errors.show(error)
    }
  }
  await more('')
}

function row(entry) {
  const name = [entry.project, entry.path].filter(Boolean).join('/')
  const linked = entry.project && entry.path && !entry.path.endsWith('/') && entry.action !== 'list'
  const kind = {ok: 'good', begun: 'warn', not_found: 'warn'}[entry.outcome] ?? 'bad'
  return [
    when(entry.at, true), entry.service || h('span', {class: 'soft'}, entry.remote || m.trail.unknownService), entry.action,
    linked ? h('a', {class: 'mono', href: secretLink(entry.project, entry.path)}, name) : h('span', {class: 'mono'}, name),
    entry.destroyed?.map(range).join(', ') ?? (entry.version ? m.version(entry.version) : ''), h('span', {class: `badge ${kind}`}, m.trail.outcomes[entry.outcome]),
    entry.count > 1 ? m.trail.times(count(entry.count)) : '',
  ]
}

// range formats a range of destroyed versions.
function range({first, last}) {
  return first === last ? m.version(first) : m.trail.range(first, last)
}

async function heads(chains, signal) {
  try {
    const {body} = await request('GET', 'api/audit/state', {signal})
    chains.replaceChildren(h('h2', {}, m.trail.chains), h('p', {class: 'hint'}, m.trail.chainsHint),
      table(m.trail.chains, m.trail.chainColumns, body.map((head) => [
        m.trail.chainNames[head.chain] ?? head.chain, count(head.seq), when(head.at), h('code', {class: 'mac'}, head.mac),
      ])))
  } catch (error) {
    chains.replaceChildren(h('h2', {}, m.trail.chains), problem(error))
  }
}
