// Where a new value is typed, pasted or generated. What is typed is masked until asked otherwise.

import {announce, button, checkbox, field, h, input, newID, select} from './dom.js'
import {bytes, count} from './format.js'
import * as generator from './generate.js'
import {m} from './messages.js'

const most = 512 * 1024

// valueField gives the controls, and body(): the members of a request that set the value.
export function valueField() {
  const text = h('textarea', {
    class: 'masked', rows: '4', id: newID('value'), autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false',
    'data-1p-ignore': true, 'data-lpignore': 'true',
  })
  const size = h('p', {class: 'hint'})
  const made = generation((value) => {
    text.value = value
    tell()
    announce(m.editor.generated)
  }, (server) => {
    text.disabled = server
    text.value = ''
    tell()
  })
  const times = timeFields()
  const tell = () => { size.textContent = text.value ? m.editor.size(count(bytes(text.value)), count(most)) : m.editor.pasteHint }
  text.addEventListener('input', tell)
  tell()
  const show = checkbox(m.editor.show, false, (shown) => text.classList.toggle('masked', !shown))
  const element = h('div', {class: 'stack-tight'}, field(m.editor.value, text), h('div', {class: 'value-foot'}, size, show), made.element, times.element)
  return {
    element, text,
    body: () => ({...(made.byServer() ? {generate: made.wanted()} : {value: text.value}), ...times.body()}),
    ready: () => made.byServer() || text.value !== '',
    dirty: () => text.value !== '' || made.byServer(),
    wipe: () => { text.value = '' },
  }
}

// generation makes a value here, or lets the server make one that nobody sees.
function generation(onMade, onServer) {
  const alphabet = select(generator.names.map((name) => [name, m.editor.alphabets[name]]), 'alphanumeric')
  const length = input({type: 'number', min: '16', max: '4096', value: '32', inputmode: 'numeric'})
  const size = () => Math.min(4096, Math.max(16, Math.trunc(Number(length.value)) || 32))
  const wanted = () => generator.wanted(alphabet.value, size())
  const here = button(m.editor.generate, () => onMade(generator.generate(alphabet.value, size())))
  let server = false
  const byServer = checkbox(m.editor.byServer, false, (on) => {
    server = on
    here.disabled = on
    onServer(on)
  })
  const element = h('details', {}, h('summary', {}, m.editor.generation),
    h('div', {class: 'stack-tight'}, h('div', {class: 'line'}, field(m.editor.alphabet, alphabet), field(m.editor.length, length), here), byServer))
  return {element, wanted, byServer: () => server}
}

// timeFields are the times that a version may have. A day ends where the person is.
function timeFields() {
  const expires = input({type: 'date'})
  const rotate = input({type: 'date'})
  const at = (control) => control.value ? new Date(control.value + 'T23:59:00').toISOString() : undefined
  const element = h('details', {}, h('summary', {}, m.editor.times),
    h('div', {class: 'line'}, field(m.editor.rotate, rotate), field(m.editor.expires, expires)))
  return {element, body: () => ({expires_at: at(expires), rotate_after: at(rotate)})}
}
