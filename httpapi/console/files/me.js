// The screen with the current service and its rights.

import {request} from './api.js'
import {h} from './dom.js'
import {problem} from './errors.js'
import {m} from './messages.js'

export async function show({main, heading, signal}) {
  heading.textContent = m.me.title
  const body = h('div', {class: 'stack'}, h('p', {class: 'soft'}, m.loading))
  main.append(body)
  try {
    const {body: rights} = await request('GET', 'api/whoami', {signal})
    body.replaceChildren(
      h('p', {}, m.me.lead, ' ', h('strong', {}, rights.service)),
      rules(m.me.allow, rights.allow, m.me.nothing), rules(m.me.deny, rights.deny, m.me.noDeny),
      h('p', {class: 'hint'}, m.me.notation))
  } catch (error) {
    body.replaceChildren(problem(error))
  }
}

function rules(title, list, none) {
  return h('section', {class: 'card'}, h('h2', {}, title),
    list.length ? h('ul', {class: 'rules'}, list.map((rule) => h('li', {}, h('code', {}, rule)))) : h('p', {class: 'soft'}, none))
}
