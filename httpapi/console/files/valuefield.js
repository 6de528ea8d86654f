// The field for a new value: typed, pasted or generated. The input is masked by default.

import {announce, button, checkbox, field, h, input, newID, select} from './dom.js'
import {bytes, count} from './format.js'
import * as generator from './generate.js'
import {m} from './messages.js'

const maxBytes = 512 * 1024

// valueField returns the controls and body(), which returns the members of a request that set the
// value.
export function valueField() {
  const text = h('textarea', {
    class: 'masked', rows: '4', id: newID('value'), autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false',
    'data-1p-ignore': true, 'data-lpignore': 'true',
  })
  const size = h('p', {class: 'hint'})
  const made = generation((value) => {
    text.value = value
    updateSize()
    announce(m.editor.generated)
  }, (server) => {
    text.disabled = server
    text.value = ''
    updateSize()
  })
  const times = timeFields()
  const updateSize = () => { size.textContent = text.value ? m.editor.size(count(bytes(text.value)), count(maxBytes)) : m.editor.pasteHint }
  text.addEventListener('input', updateSize)
  updateSize()
  const show = checkbox(m.editor.show, false, (shown) => text.classList.toggle('masked', !shown))
  const element = h('div', {class: 'stack-tight'}, field(m.editor.value, text), h('div', {class: 'value-foot'}, size, show), made.element, times.element)
  return {
    element,
    body: () => ({...(made.byServer() ? {generate: made.requestMembers()} : {value: text.value}), ...times.body()}),
    ready: () => made.byServer() || text.value !== '',
    dirty: () => text.value !== '' || made.byServer(),
    wipe: () => { text.value = '' },
  }
}

// generation generates a value here, or has the server generate one without returning it.
function generation(onMade, onServer) {
  const alphabet = select(generator.names.map((name) => [name, m.editor.alphabets[name]]), 'alphanumeric')
  const length = input({type: 'number', min: '16', max: '4096', value: '32', inputmode: 'numeric'})
  const size = () => Math.min(4096, Math.max(16, Math.trunc(Number(length.value)) || 32))
  const requestMembers = () => generator.requestMembers(alphabet.value, size())
  const generate = button(m.editor.generate, () => onMade(generator.generate(alphabet.value, size())))
  let server = false
  const byServer = checkbox(m.editor.byServer, false, (on) => {
    server = on
    generate.disabled = on
    onServer(on)
  })
  const element = h('details', {}, h('summary', {}, m.editor.generation),
    h('div', {class: 'stack-tight'}, h('div', {class: 'line'}, field(m.editor.alphabet, alphabet), field(m.editor.length, length), generate), byServer))
  return {element, requestMembers, byServer: () => server}
}

// timeFields are the expiry and rotation times of a version: the end of a day in local time.
function timeFields() {
  const expires = input({type: 'date'})
  const rotate = input({type: 'date'})
  const at = (control) => control.value ? new Date(control.value + 'T23:59:00').toISOString() : undefined
  const element = h('details', {}, h('summary', {}, m.editor.times),
    h('div', {class: 'line'}, field(m.editor.rotate, rotate), field(m.editor.expires, expires)))
  return {element, body: () => ({expires_at: at(expires), rotate_after: at(rotate)})}
}
