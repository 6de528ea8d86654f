// A value, hidden until the user reveals it, and then hidden again automatically.

import {announce, button, busyWhile, h} from './dom.js'
import {ClipboardRefused, errorArea} from './errors.js'
import {bytes, count} from './format.js'
import {m} from './messages.js'
import {autoHide} from './autohide.js'

// valueBox shows the value that read() resolves to. Each read adds an entry to the trail, and is
// passed to onRead.
export function valueBox({read, signal, onRead = () => {}}) {
  const errors = errorArea()
  const reveal = button(m.value.reveal, () => busyWhile(reveal, toggle), {class: 'primary', 'aria-expanded': 'false'})
  const copy = button(m.value.copy, () => busyWhile(copy, copyIt))
  let secret = null // set only while the value is shown
  const shown = autoHide(signal, () => {
    secret = null
    shown?.element.replaceChildren(mask())
    reveal.textContent = m.value.reveal
    reveal.setAttribute('aria-expanded', 'false')
  })

  async function fetchIt() {
    errors.clear()
    const found = await read()
    onRead(found)
    return found
  }

  async function toggle() {
    if (secret) return shown.hide()
    try {
      secret = await fetchIt()
    } catch (error) {
      return errors.show(error)
    }
    if (signal.aborted) return shown.hide()
    reveal.textContent = m.value.hide
    reveal.setAttribute('aria-expanded', 'true')
    shown.show(h('div', {}, display(secret)))
  }

  async function copyIt() {
    try {
      const {value} = secret ?? await fetchIt()
      await toClipboard(value)
      announce(m.value.copied)
    } catch (error) {
      errors.show(error)
    }
  }

  shown.hide()
  return {element: h('div', {class: 'value'}, shown.element, errors.element, h('div', {class: 'actions'}, reveal, copy)), hide: shown.hide}
}

function mask() {
  return h('p', {class: 'mask'}, h('span', {'aria-hidden': 'true'}, '••••••••••••'), h('span', {class: 'hidden'}, m.value.isHidden))
}

// display shows a value. JSON can also be shown formatted.
function display({value, encoding}) {
  const pre = h('pre', {class: 'text', tabindex: '0', 'aria-label': m.value.label}, value)
  if (encoding) return [pre, h('p', {class: 'hint'}, m.value.binary)]
  const pretty = formatted(value)
  const facts = h('span', {class: 'soft'}, m.value.size(count(bytes(value)), value.split('\n').length))
  if (!pretty || pretty === value) return [pre, facts]
  const format = button(m.value.format, () => {
    const pressed = format.getAttribute('aria-pressed') !== 'true'
    format.setAttribute('aria-pressed', String(pressed))
    pre.textContent = pressed ? pretty : value
  }, {class: 'quiet', 'aria-pressed': 'false'})
  return [pre, h('div', {class: 'value-foot'}, facts, format)]
}

// formatted returns indented JSON, or '' if the text is not a JSON object or array. Numbers keep
// their digits, because parsing would round long ones.
function formatted(text) {
  if (!/^\s*[[{]/.test(text)) return ''
  try {
    return JSON.stringify(JSON.parse(text, keepNumber), null, 2)
  } catch {
    return ''
  }
}

function keepNumber(_, value, context) {
  if (typeof value !== 'number' || !context?.source || !JSON.rawJSON) return value
  return JSON.rawJSON(context.source)
}

export async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text)
  } catch {
    throw new ClipboardRefused()
  }
}
