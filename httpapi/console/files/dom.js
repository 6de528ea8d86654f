// Making elements. What is shown becomes a text node, never markup: nothing in the console writes
// innerHTML, and the page's policy (Trusted Types) would refuse it.

// h makes an element. Props are attributes, but for `on` (listeners), and `value`, `checked` and
// `disabled`, which are properties; false, null and undefined leave one out.
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

// newID gives an id that no other element has, for labels and descriptions.
export function newID(name) {
  return `${name}-${++last}`
}

export function button(text, onClick, props = {}) {
  return h('button', {type: 'button', ...props, on: {click: onClick}}, text)
}

// field is a control under its label, with a hint that describes it.
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

// select makes a list of [value, text] pairs.
export function select(options, value, props = {}) {
  const list = h('select', props, options.map(([of, text]) => h('option', {value: of}, text)))
  list.value = value
  return list
}

export function checkbox(text, checked, onChange) {
  const box = h('input', {type: 'checkbox', checked, on: {change: () => onChange(box.checked)}})
  return h('label', {class: 'check'}, box, text)
}

// announce shows a message for some seconds, and lets screen readers tell it.
let clearing = 0
export function announce(text) {
  const status = document.getElementById('status')
  status.textContent = text
  clearTimeout(clearing)
  clearing = setTimeout(() => { status.textContent = '' }, 8000)
}

// busyWhile disables a button while work runs, so that nothing is sent twice.
export async function busyWhile(control, work) {
  if (control.getAttribute('aria-disabled') === 'true') return
  control.setAttribute('aria-disabled', 'true')
  try {
    return await work()
  } finally {
    control.removeAttribute('aria-disabled')
  }
}
