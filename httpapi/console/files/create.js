// The screen that creates a secret.

import * as catalog from './catalog.js'
import {announce, busyWhile, field, h, input, newID} from './dom.js'
import {trackUnsaved} from './unsaved.js'
import {errorArea} from './errors.js'
import {m} from './messages.js'
import {go, link, secretLink} from './router.js'
import {valueField} from './valuefield.js'
import {write} from './write.js'

export function show({main, heading, route, signal}) {
  heading.textContent = m.create.title
  const project = projectInput(route.query.get('project') ?? '', signal)
  const path = input({required: true, value: route.query.get('path') ?? '', placeholder: m.create.pathExample})
  const value = valueField()
  const errors = errorArea()
  const release = trackUnsaved(value.dirty)
  signal.addEventListener('abort', () => {
    release()
    value.wipe()
  })
  const save = h('button', {type: 'submit', class: 'primary'}, m.create.action)
  const submit = async () => {
    errors.clear()
    if (!value.ready()) return errors.say(h('p', {class: 'problem', role: 'alert'}, m.editor.empty))
    try {
      const made = await write(project.control.value.trim(), path.value.trim(), value.body(), {version: 0})
      release()
      catalog.put(made)
      announce(m.editor.saved(made.version))
      go(secretLink(made.project, made.path))
    } catch (error) {
      errors.show(error)
    }
  }
  main.append(h('form', {class: 'card form', on: {submit: (event) => {
    event.preventDefault()
    busyWhile(save, submit)
  }}},
  project.element, field(m.create.path, path, m.create.pathHint), value.element, errors.element,
  h('div', {class: 'actions'}, save, h('a', {class: 'button', href: link('secrets')}, m.dialog.cancel))))
}

// projectInput is a field that suggests the existing projects.
export function projectInput(value, signal) {
  const id = newID('projects')
  const control = input({required: true, value, list: id})
  const list = h('datalist', {id})
  const update = () => list.replaceChildren(...catalog.projects().map((p) => h('option', {value: p.name})))
  catalog.onChange(signal, update)
  catalog.load().then(() => {
    update()
    control.value ||= catalog.projects().find((p) => p.is_default)?.name ?? ''
  }, () => {}) // without suggestions the field still works
  return {control, element: h('div', {}, field(m.create.project, control), list)}
}
