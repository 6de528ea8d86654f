// Signing in: it asks the server step by step, and says at which one it went wrong.

import {Failure, request} from './api.js'
import {busyWhile, field, h} from './dom.js'
import {place} from './errors.js'
import {m} from './messages.js'
import {signIn} from './session.js'

// form makes the form, for the first sign-in and for one in between, which is for one service.
export function form(onDone, only = '') {
  const name = h('input', {
    type: 'text', name: 'username', autocomplete: 'username', autocapitalize: 'off', spellcheck: 'false', required: true,
    readonly: Boolean(only), value: only,
  })
  const token = h('input', {type: 'password', name: 'password', autocomplete: 'current-password', required: true, spellcheck: 'false'})
  const errors = place()
  const enter = h('button', {type: 'submit', class: 'primary'}, m.signIn.action)
  const submit = (event) => {
    event.preventDefault()
    busyWhile(enter, async () => {
      errors.clear()
      try {
        const rights = await check(name.value.trim(), token.value.trim())
        signIn(name.value.trim(), token.value.trim())
        token.value = ''
        onDone(rights)
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

// check asks whether the server answers, whether its store does, and whether the identity is right,
// in this order, so that the first thing that is wrong is the one that is told.
async function check(service, token) {
  if (!/^[\x21-\x7e]+$/.test(service + token)) throw new Failure(401, m.signIn.unfit)
  await request('GET', 'health', {as: {}, once: true})
  const as = {'X-Service': service, 'X-Token': token}
  await request('POST', 'api/secrets/test', {as, once: true})
  return (await request('GET', 'api/whoami', {as, once: true})).body
}

// screen is the page for who is not signed in.
export function screen(onDone) {
  const heading = h('h1', {tabindex: '-1'}, m.signIn.title)
  return h('main', {class: 'welcome', id: 'main'},
    h('div', {class: 'card'},
      h('img', {src: 'icon.svg', alt: '', width: '40', height: '40'}),
      heading,
      h('p', {class: 'soft'}, m.signIn.lead),
      form(onDone),
      h('p', {class: 'hint'}, m.signIn.memory)))
}
