// The screen of projects.

import {Failure, projects, request} from './api.js'
import * as catalog from './catalog.js'
import {announce, button, busyWhile, field, h, input} from './dom.js'
import {confirm, open} from './dialog.js'
import {errorArea} from './errors.js'
import {when} from './format.js'
import {m} from './messages.js'
import {link} from './router.js'
import {table} from './table.js'

export async function show({main, heading, signal}) {
  heading.textContent = m.projects.title
  const errors = errorArea()
  const list = h('div', {}, h('p', {class: 'soft'}, m.loading))
  const update = async () => {
    const all = await projects(signal)
    catalog.setProjects(all)
    list.replaceChildren(all.length ? table(m.projects.title, m.projects.columns, all.map((p) => row(p, act))) : h('div', {class: 'empty'}, m.projects.none))
  }
  // act makes a change and reloads the list.
  const act = async (work, done, focus = heading) => {
    errors.clear()
    try {
      await work()
      announce(done)
      await update()
      focus.focus()
    } catch (error) {
      errors.show(error)
    }
  }
  main.append(h('div', {class: 'stack'}, register(act), errors.element, list))
  await update().catch((error) => {
    list.replaceChildren()
    errors.show(error)
  })
}

const route = (name, more = '') => 'api/projects/' + encodeURIComponent(name) + more

function register(act) {
  const name = input({required: true})
  const description = input({})
  const add = h('button', {type: 'submit', class: 'primary'}, m.projects.register)
  const submit = () => act(async () => {
    await request('POST', 'api/projects', {body: {name: name.value.trim(), description: description.value.trim()}})
    name.value = description.value = ''
  }, m.projects.registered, name)
  return h('form', {class: 'card', on: {submit: (event) => {
    event.preventDefault()
    busyWhile(add, submit)
  }}}, h('h2', {}, m.projects.new), h('div', {class: 'line'}, field(m.projects.name, name), field(m.projects.description, description), add))
}

function row(p, act) {
  return [
    h('a', {href: link('secrets', [], {filter: p.name + '/'})}, p.name),
    p.description || h('span', {class: 'soft'}, '–'),
    p.is_default ? h('span', {class: 'badge good'}, m.projects.default) : '',
    when(p.created_at), p.created_by,
    h('span', {class: 'row-actions'},
      button(m.projects.describe, () => describe(p, act), {'aria-label': m.projects.describeOne(p.name)}),
      p.is_default ? null : button(m.projects.makeDefault, () => act(() => request('PUT', route(p.name, '/set-default')), m.projects.isDefault(p.name)), {'aria-label': m.projects.makeDefaultOne(p.name)}),
      button(m.projects.delete, () => remove(p, act), {class: 'danger-quiet', 'aria-label': m.projects.deleteOne(p.name)})),
  ]
}

async function describe(p, act) {
  const text = input({value: p.description})
  const wanted = await open(m.projects.describeOne(p.name), (close) => h('form', {on: {submit: (event) => {
    event.preventDefault()
    close({text: text.value.trim()})
  }}}, field(m.projects.description, text), h('div', {class: 'actions'},
    h('button', {type: 'submit', class: 'primary'}, m.projects.save), button(m.dialog.cancel, () => close(null)))))
  if (wanted) await act(() => request('PATCH', route(p.name), {body: {description: wanted.text}}), m.projects.described)
}

async function remove(p, act) {
  if (!await confirm({title: m.projects.deleteOne(p.name), text: m.projects.deleteText, action: m.projects.delete, danger: true})) return
  await act(async () => {
    try {
      await request('DELETE', route(p.name))
    } catch (error) {
      // Status 400 also means live secrets. The server's text says so.
      throw error.status === 400 ? new Failure(409, error.detail) : error
    }
  }, m.projects.deleted)
}
