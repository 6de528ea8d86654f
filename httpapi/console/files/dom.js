// Creates DOM elements. All text becomes text nodes, never markup: the console does not write
// innerHTML, and the page's policy (Trusted Types) forbids it.

// h creates an element. Props are attributes, except `on` (listeners) and the `properties` below.
// Props that are false, null or undefined are omitted.
export function h(tag, props, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener)
    } else if (properties.has(name)) {
      element[name] = value
    } else if (value === true) {
      element.setAttribute(name, '')
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value)
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false))
  return element
}

const properties = new Set(['value', 'checked', 'disabled', 'indeterminate'])

let last = 0

// newID returns a unique element ID.
export function newID(name) {
  return `${name}-${++last}`
}

export function button(text, onClick, props = {}) {
  return h('button', {type: 'button', ...props, on: {click: onClick}}, text)
}

// field returns a control with a label and an optional hint.
export function field(label, control, hint) {
  const id = control.id || newID('field')
  control.id = id
  const children = [h('label', {for: id}, label), control]
  if (hint) {
    const described = newID('hint')
    control.setAttribute('aria-describedby', described)
    children.push(h('p', {id: described, class: 'hint'}, hint))
  }
  return h('div', {class: 'field'}, children)
}

export function input(props) {
  return h('input', {type: 'text', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', ...props})
}

// select creates a list from [value, text] pairs.
export function select(options, value, props = {}) {
  const list = h('select', props, options.map(([of, text]) => h('option', {value: of}, text)))
  list.value = value
  return list
}

export function checkbox(text, checked, onChange) {
  const box = h('input', {type: 'checkbox', checked, on: {change: () => onChange(box.checked)}})
  return h('label', {class: 'check'}, box, text)
}

// announce shows a message for a few seconds. Screen readers announce it.
let clearing = 0
export function announce(text) {
  const status = document.getElementById('status')
  status.textContent = text
  clearTimeout(clearing)
  clearing = setTimeout(() => { status.textContent = '' }, 8000)
}

// busyWhile disables a button while work runs, which prevents duplicate requests.
export async function busyWhile(control, work) {
  if (control.getAttribute('aria-disabled') === 'true') return
  control.setAttribute('aria-disabled', 'true')
  try {
    return await work()
  } finally {
    control.removeAttribute('aria-disabled')
  }
}
