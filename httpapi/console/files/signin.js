// The sign-in form. It makes several checks and reports the first that fails.

import {Failure, request} from './api.js'
import {busyWhile, field, h} from './dom.js'
import {errorArea} from './errors.js'
import {m} from './messages.js'
import {signIn} from './session.js'

// form returns the sign-in form. If `only` is set, it accepts only that service.
export function form(onDone, only = '') {
  const name = h('input', {
    type: 'text', name: 'username', autocomplete: 'username', autocapitalize: 'off', spellcheck: 'false', required: true,
    readonly: Boolean(only), value: only,
  })
  const token = h('input', {type: 'password', name: 'password', autocomplete: 'current-password', required: true, spellcheck: 'false'})
  const errors = errorArea()
  const enter = h('button', {type: 'submit', class: 'primary'}, m.signIn.action)
  const submit = (event) => {
    event.preventDefault()
    busyWhile(enter, async () => {
      errors.clear()
      try {
        const rights = await check(name.value.trim(), token.value.trim())
        signIn(name.value.trim(), token.value.trim(), rights)
        token.value = ''
        onDone()
      } catch (error) {
        errors.show(error)
        token.focus()
      }
    })
  }
  return h('form', {class: 'sign-in', on: {submit}},
    field(m.signIn.service, name, only ? m.signIn.same : m.signIn.serviceHint),
    field(m.signIn.token, token, m.signIn.tokenHint),
    errors.element,
    h('div', {class: 'actions'}, enter))
}

// check checks the server, its store and the identity, in this order, so that the error names the
// actual cause. It returns the rights.
async function check(service, token) {
  if (!/^[\x21-\x7e]+$/.test(service + token)) throw new Failure(401, m.signIn.malformed)
  await request('GET', 'health', {as: {}, once: true})
  const as = {'X-Service': service, 'X-Token': token}
  await request('POST', 'api/secrets/test', {as, once: true})
  return (await request('GET', 'api/whoami', {as, once: true})).body
}

// screen is the page before sign-in.
export function screen(onDone) {
  return h('main', {class: 'welcome', id: 'main'},
    h('div', {class: 'card'},
      h('img', {src: 'icon.svg', alt: '', width: '40', height: '40'}),
      h('h1', {tabindex: '-1'}, m.signIn.title),
      h('p', {class: 'soft'}, m.signIn.lead),
      form(onDone),
      h('p', {class: 'hint'}, m.signIn.memory)))
}
