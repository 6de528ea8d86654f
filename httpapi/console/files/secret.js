// One secret: what is known of it without its value, the value on request, and what can be done.

import * as api from './api.js'
import * as catalog from './catalog.js'
import {announce, button, h} from './dom.js'
import {confirm} from './dialog.js'
import {editor} from './editor.js'
import {place, problem} from './errors.js'
import {when} from './format.js'
import {m} from './messages.js'
import {link} from './router.js'
import {toClipboard, valueBox} from './valuebox.js'
import {versions} from './versions.js'
import {Lost, destroy, remove, restoreFromTrash} from './write.js'

// show fills the pane with a secret.
export async function show(pane, project, path, signal) {
  const at = path.lastIndexOf('/') + 1
  const heading = h('h2', {tabindex: '-1', class: 'address'},
    h('span', {class: 'soft'}, `${project}/${path.slice(0, at)}`), h('wbr'), path.slice(at))
  const body = h('div', {class: 'stack'}, h('p', {class: 'soft'}, m.loading))
  pane.replaceChildren(h('a', {href: link('secrets'), class: 'back'}, m.secret.back), heading, body)
  heading.focus()
  document.title = `${project}/${path} · myVault`
  await refresh({project, path, body, signal})
}

// refresh shows the secret as it is now. An answer that another one has overtaken changes nothing.
async function refresh(page) {
  const turn = page.turn = (page.turn ?? 0) + 1
  const late = () => page.signal.aborted || turn !== page.turn
  try {
    page.history = await api.history(page.project, page.path, page.signal)
  } catch (error) {
    if (late()) return
    const unlisted = error.status === 403
    if (unlisted) page.seen = {version: null}
    return draw(page, [problem(error)], unlisted)
  }
  if (late()) return
  const [newest] = page.history
  if (newest.state === 'live') live(page, newest)
  else gone(page, newest)
}

// draw shows what is above and below the card of the value. A card in which somebody writes a new version
// stays, with what was typed and the focus.
function draw(page, above, valued, below = []) {
  const {body, card} = page
  if (card?.writing()) {
    card.hide()
    for (const child of [...body.children]) if (child !== card.element) child.remove()
    card.element.before(...above)
    card.element.after(...below)
    return
  }
  const focused = card?.element.contains(document.activeElement)
  page.card = valued ? valueCard(page) : null
  body.replaceChildren(...above, page.card?.element ?? '', ...below)
  if (focused) page.card?.focus()
}

function live(page, newest) {
  const {project, path, history, signal} = page
  const known = catalog.find(project, path)
  if (known?.version !== newest.version) catalog.put({project, path, ...newest})
  page.seen = {version: newest.version, etag: null}
  draw(page, [facts(newest)], true,
    [versions({project, path, history, signal, seen: () => page.seen, onChange: () => refresh(page)})])
}

// valueCard is the value, with what can be done to it. What is read also gives the entity tag, which
// makes the next change conditional on just that.
function valueCard(page) {
  const {project, path, signal} = page
  const errors = place()
  const box = valueBox({
    signal, read: () => api.readValue(project, path, null, signal),
    onRead: ({version, etag}) => { page.seen = {version, etag} },
  })
  const edit = h('div', {class: 'place'})
  const written = () => {
    edit.replaceChildren()
    rotate.focus()
    refresh(page)
  }
  const rotate = button(m.secret.rotate, () => {
    if (edit.firstChild) return
    edit.replaceChildren(editor({
      project, path, seen: page.seen, signal, onClose: written,
      onSaved: (made) => {
        catalog.put({project, path, ...made})
        page.seen = {version: page.seen.version === null ? null : made.version, etag: null}
        written()
      },
    }))
    edit.querySelector('textarea').focus()
  })
  const erase = button(m.secret.delete, () => deleteIt(page, errors), {class: 'danger-quiet'})
  const copyName = button(m.secret.copyName, () => toClipboard(`${project}/${path}`).then(() => announce(m.secret.nameCopied), errors.show))
  const why = h('a', {class: 'button', href: link('access', [], {project, path, action: 'read'})}, m.secret.whoReads)
  const element = h('div', {class: 'stack'},
    h('section', {class: 'card', 'aria-label': m.value.label}, h('h3', {}, m.value.label), box.element),
    h('div', {class: 'actions'}, rotate, copyName, why, erase), errors.element, edit)
  return {element, writing: () => edit.firstChild !== null, focus: () => rotate.focus(), hide: box.hide}
}

async function deleteIt(page, errors) {
  const {project, path} = page
  const text = m.secret.deleteText(`${project}/${path}`)
  if (!await confirm({title: m.secret.deleteTitle, text, action: m.secret.delete, danger: true})) return
  try {
    await remove(project, path, page.seen)
    catalog.remove(project, path)
    announce(m.secret.deleted)
    await refresh(page)
    page.body.querySelector('button')?.focus()
  } catch (error) {
    errors.show(error instanceof Lost ? new api.Failure(412, '') : error)
  }
}

function facts(newest) {
  const fact = (name, ...what) => h('div', {}, h('dt', {}, name), h('dd', {}, what))
  return h('dl', {class: 'facts'},
    fact(m.secret.version, String(newest.version)),
    fact(m.secret.changed, when(newest.updated_at, true)),
    fact(m.secret.by, newest.updated_by),
    newest.rotate_after ? fact(m.editor.rotate, when(newest.rotate_after, true)) : null,
    newest.expires_at ? fact(m.editor.expires, when(newest.expires_at, true), newest.expired ? h('span', {class: 'badge bad'}, m.attention.expired) : null) : null)
}

// gone is a secret in the trash, or one that was destroyed.
function gone(page, newest) {
  const {project, path, history, signal} = page
  const errors = place()
  const act = (work, done) => async () => {
    try {
      if (await work() === false) return
      announce(done)
      catalog.load(true)
      await refresh(page)
    } catch (error) {
      errors.show(error)
    }
  }
  const create = h('a', {class: 'button', href: link('new', [], {project, path})}, m.secret.writeAnew)
  const actions = newest.state === 'deleted'
    ? [button(m.trash.restore, act(() => restoreFromTrash(project, path), m.trash.restored), {class: 'primary'}),
      button(m.trash.destroy, act(() => destroyAll(project, path), m.destroy.done), {class: 'danger-quiet'}), create]
    : [create]
  const caution = h('section', {class: 'caution'}, h('h3', {}, m.secret.gone[newest.state]), h('p', {}, m.secret.goneText[newest.state]),
    errors.element, h('div', {class: 'actions'}, actions))
  draw(page, [caution, facts(newest)], false,
    [versions({project, path, history, signal, seen: () => null, onChange: () => refresh(page)})])
}

// destroyAll destroys every version, once the name was typed; false if it was not.
export async function destroyAll(project, path) {
  const sure = await confirm({
    title: m.destroy.title, text: m.destroy.text, action: m.destroy.action, danger: true, typed: `${project}/${path}`,
  })
  return sure && destroy(project, path)
}
