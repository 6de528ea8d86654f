// A value: hidden until somebody asks for it, and hidden again soon.

import {announce, button, busyWhile, h} from './dom.js'
import {ClipboardRefused, place} from './errors.js'
import {bytes, count} from './format.js'
import {m} from './messages.js'
import {veil} from './veil.js'

// valueBox shows what read() gives, which is one entry in the trail. onRead is told about each.
export function valueBox({read, signal, onRead = () => {}}) {
  const errors = place()
  const reveal = button(m.value.reveal, () => busyWhile(reveal, toggle), {class: 'primary', 'aria-expanded': 'false'})
  const copy = button(m.value.copy, () => busyWhile(copy, copyIt))
  let secret = null // only while it is shown
  const shown = veil(signal, () => {
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

// display shows a value readable: as it is, and JSON also with its lines and indents.
export function display({value, encoding}) {
  const pre = h('pre', {class: 'text', tabindex: '0', 'aria-label': m.value.label}, value)
  if (encoding) return [pre, h('p', {class: 'hint'}, m.value.binary)]
  const pretty = formatted(value)
  const facts = h('span', {class: 'soft'}, m.value.size(count(bytes(value)), value.split('\n').length))
  if (!pretty || pretty === value) return [pre, facts]
  const flip = button(m.value.format, () => {
    const now = flip.getAttribute('aria-pressed') !== 'true'
    flip.setAttribute('aria-pressed', String(now))
    pre.textContent = now ? pretty : value
  }, {class: 'quiet', 'aria-pressed': 'false'})
  return [pre, h('div', {class: 'value-foot'}, facts, flip)]
}

// formatted gives JSON with indents; '' for what is no JSON object or array. Numbers stay as they are
// written, because a reader would round long ones.
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
