// The screen of deleted and destroyed secrets.

import {pages} from './api.js'
import * as catalog from './catalog.js'
import {announce, button, h} from './dom.js'
import {errorArea} from './errors.js'
import {when} from './format.js'
import {m} from './messages.js'
import {secretLink} from './router.js'
import {destroyAll} from './secret.js'
import {table} from './table.js'
import {state} from './versions.js'
import {restoreFromTrash} from './write.js'

export async function show({main, heading, signal}) {
  heading.textContent = m.trash.title
  const errors = errorArea()
  const list = h('div', {class: 'stack'}, h('p', {class: 'soft'}, m.loading))
  main.append(h('div', {class: 'stack'}, h('p', {class: 'soft'}, m.trash.lead), errors.element, list))
  const act = (work, done) => async () => {
    errors.clear()
    try {
      if (await work() === false) return
      announce(done)
      catalog.load(true)
      await update()
      heading.focus() // the pressed button was removed
    } catch (error) {
      errors.show(error)
    }
  }
  const name = (item) => h('a', {class: 'mono', href: secretLink(item.project, item.path)}, `${item.project}/${item.path}`)
  const row = (item) => [
    name(item), state(item), when(item.updated_at), item.updated_by,
    h('span', {class: 'row-actions'},
      button(m.trash.restore, act(() => restoreFromTrash(item.project, item.path), m.trash.restored), {'aria-label': m.trash.restoreOne(`${item.project}/${item.path}`)}),
      button(m.trash.destroy, act(() => destroyAll(item.project, item.path), m.destroy.done), {class: 'danger-quiet', 'aria-label': m.trash.destroyOne(`${item.project}/${item.path}`)})),
  ]
  const update = async () => {
    const found = {deleted: [], destroyed: []}
    for await (const page of pages('api/secrets', {deleted: 'true'}, signal)) {
      for (const item of page) found[item.state]?.push(item)
    }
    list.replaceChildren(
      found.deleted.length ? table(m.trash.title, m.trash.columns, found.deleted.map(row)) : h('div', {class: 'empty'}, m.trash.none),
      found.destroyed.length ? destroyedSecrets(found.destroyed) : '')
  }
  const destroyedSecrets = (items) => h('section', {class: 'card'}, h('h2', {}, m.trash.destroyed), h('p', {class: 'hint'}, m.trash.destroyedHint),
    table(m.trash.destroyed, m.trash.destroyedColumns, items.map((item) => [name(item), when(item.updated_at), item.updated_by])))
  await update().catch((error) => {
    list.replaceChildren()
    errors.show(error)
  })
}
