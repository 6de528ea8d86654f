// The screen with checks of the server, the store and the trail.

import {request} from './api.js'
import {button, busyWhile, h} from './dom.js'
import {explain} from './errors.js'
import {count} from './format.js'
import {m} from './messages.js'

export function show({main, heading, signal}) {
  heading.textContent = m.health.title
  const list = h('div', {class: 'checks'})
  const again = button(m.health.again, () => busyWhile(again, () => check(list, signal)))
  main.append(h('div', {class: 'stack'}, h('p', {class: 'soft'}, m.health.lead), list, h('div', {class: 'actions'}, again)))
  busyWhile(again, () => check(list, signal))
}

async function check(list, signal) {
  const checks = await Promise.all([
    checkOne(m.health.store, 'health', signal, ({status}) => m.health.is[status] ?? status),
    checkOne(m.health.ready, 'ready', signal, ({status}) => m.health.is[status] ?? status),
    checkOne(m.health.identity, 'api/whoami', signal, ({service, store}) => store ? `${m.health.known(service)} ${m.health.provider(store)}` : m.health.known(service)),
    checkOne(m.health.api, 'openapi.json', signal, ({info}) => m.health.version(info.version)),
    checkOne(m.health.trail, 'api/audit/state', signal, (heads) => m.health.chains(heads.map((head) => `${m.trail.chainNames[head.chain] ?? head.chain} ${count(head.seq)}`).join(', '))),
  ])
  list.replaceChildren(...checks)
}

// checkOne sends a request and shows the result and how long it took.
async function checkOne(name, path, signal, read) {
  const started = performance.now()
  let good = true
  let text = ''
  try {
    text = read((await request('GET', path, {signal})).body)
  } catch (error) {
    if (signal.aborted) return ''
    const {what, todo, detail} = explain(error)
    good = false
    text = [what, todo, detail].filter(Boolean).join(' ')
  }
  return h('div', {class: 'check-row'}, h('span', {class: `badge ${good ? 'good' : 'bad'}`}, good ? m.health.good : m.health.bad),
    h('strong', {}, name), h('span', {}, text), h('span', {class: 'soft end'}, m.health.took(Math.round(performance.now() - started))))
}
