// The screen that shows which services may act on an address, and the deciding rule.

import {request} from './api.js'
import {projectInput} from './create.js'
import {busyWhile, field, h, input, select} from './dom.js'
import {errorArea} from './errors.js'
import {m} from './messages.js'
import {link} from './router.js'
import {service} from './session.js'
import {table} from './table.js'

const actions = ['read', 'write', 'delete', 'list', 'destroy', 'audit']

export function show({main, heading, route, signal}) {
  heading.textContent = m.access.title
  const project = projectInput(route.query.get('project') ?? '', signal)
  const path = input({required: true, value: route.query.get('path') ?? ''})
  const action = select(actions.map((a) => [a, m.access.actions[a]]), route.query.get('action') ?? 'read')
  const other = input({})
  const errors = errorArea()
  const answer = h('div', {})
  const ask = h('button', {type: 'submit', class: 'primary'}, m.access.ask)
  const submit = async () => {
    errors.clear()
    answer.replaceChildren()
    const question = {action: action.value, project: project.control.value.trim(), path: path.value.trim()}
    history.replaceState(null, '', link('access', [], question))
    try {
      answer.replaceChildren(await decisions(question, other.value.trim(), signal))
    } catch (error) {
      errors.show(error)
    }
  }
  main.append(h('div', {class: 'stack'},
    h('form', {class: 'card', on: {submit: (event) => {
      event.preventDefault()
      busyWhile(ask, submit)
    }}}, h('p', {class: 'soft'}, m.access.lead),
    h('div', {class: 'line'}, field(m.access.action, action), project.element, field(m.create.path, path), field(m.access.other, other), ask)),
    errors.element, answer))
  if (path.value) busyWhile(ask, submit)
}

// decisions shows the decision for every service that has access, for the current service, and for
// one other.
async function decisions(question, other, signal) {
  const {body: {services}} = await request('GET', 'api/policy/who', {query: question, signal})
  const all = [...new Set([...services, service(), other].filter(Boolean))]
  const found = await Promise.all(all.map(async (name) =>
    [name, (await request('GET', 'api/policy/explain', {query: {...question, service: name}, signal})).body]))
  return h('section', {class: 'card'},
    h('h2', {}, m.access.answer(m.access.actions[question.action], `${question.project}/${question.path}`, services.length)),
    table(m.access.title, m.access.columns, found.map(([name, decision]) => [
      name, h('span', {class: `badge ${decision.allowed ? 'good' : 'bad'}`}, decision.allowed ? m.access.allowed : m.access.denied),
      decision.rule ? h('code', {}, decision.rule) : h('span', {class: 'soft'}, m.access.noRule), decision.reason,
    ])))
}
