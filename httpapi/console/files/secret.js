// The view of one secret: its details, its value on request, and its actions.

import * as api from './api.js'
import * as catalog from './catalog.js'
import {announce, button, h} from './dom.js'
import {confirm} from './dialog.js'
import {editor} from './editor.js'
import {errorArea, problem} from './errors.js'
import {when} from './format.js'
import * as live from './live.js'
import {m} from './messages.js'
import {link} from './router.js'
import * as session from './session.js'
import {toClipboard, valueBox} from './valuebox.js'
import {versions} from './versions.js'
import {Conflict, destroy, remove, restoreFromTrash} from './write.js'

// show shows a secret in the pane.
export async function show(pane, project, path, signal) {
  const at = path.lastIndexOf('/') + 1
  const heading = h('h2', {tabindex: '-1', class: 'address'},
    h('span', {class: 'soft'}, `${project}/${path.slice(0, at)}`), h('wbr'), path.slice(at))
  const body = h('div', {class: 'stack'}, h('p', {class: 'soft'}, m.loading))
  const notice = h('div', {class: 'notice', role: 'status'})
  pane.replaceChildren(h('a', {href: link('secrets'), class: 'back'}, m.secret.back), heading, notice, body)
  heading.focus()
  document.title = `${project}/${path} · myVault`
  const page = {project, path, body, signal, notice}
  live.onChange(signal, project, path, (change) => showChange(page, change))
  await refresh(page)
}

// showChange says that the secret was changed elsewhere. It does not redraw the page, and its place
// is kept free, so that no press or typed text is lost.
function showChange(page, {version, state}) {
  const known = page.history?.[0]
  if (known?.version === version && known.state === state) return
  page.notice.replaceChildren(h('p', {}, m.secret.changedElsewhere), button(m.secret.showChange, () => refresh(page)))
}

// refresh reloads the secret. It ignores the response if a later refresh has started.
async function refresh(page) {
  const refreshes = page.refreshes = (page.refreshes ?? 0) + 1
  const outdated = () => page.signal.aborted || refreshes !== page.refreshes
  try {
    page.history = await api.history(page.project, page.path, page.signal)
  } catch (error) {
    if (outdated()) return
    const unlisted = error.status === 403
    if (unlisted) page.seen = {version: null}
    return draw(page, [problem(error)], unlisted)
  }
  if (outdated()) return
  page.notice.replaceChildren()
  const [newest] = page.history
  if (newest.state === 'live') showLive(page, newest)
  else showNotLive(page, newest)
}

// draw shows the nodes above and below the card with the value. It keeps the card while there is a
// value or a new version is being edited: a press that has begun still counts, and typed text and
// the focus stay.
function draw(page, above, hasValue, below = []) {
  const {body} = page
  page.card = hasValue || page.card?.editing() ? page.card ?? valueCard(page) : null
  if (!page.card) return body.replaceChildren(...above, ...below)
  const {element, hide} = page.card
  hide()
  for (const child of [...body.children]) if (child !== element) child.remove()
  if (!body.firstChild) body.append(element)
  element.before(...above)
  element.after(...below)
}

function showLive(page, newest) {
  const {project, path, history, signal} = page
  const known = catalog.find(project, path)
  if (known?.version !== newest.version) catalog.put({project, path, ...newest})
  page.seen = {version: newest.version, etag: null}
  draw(page, [facts(newest, session.vaultAPI() ? fact(m.secret.vault, h('code', {class: 'name'}, vaultCommand(project, path))) : null)], true,
    [versions({project, path, history, signal, seen: () => page.seen, onChange: () => refresh(page)})])
}

// valueCard shows the value and its actions. Reading the value also returns its entity tag, which
// makes the next change conditional on that version.
function valueCard(page) {
  const {project, path, signal} = page
  const errors = errorArea()
  const box = valueBox({
    signal, read: () => api.readValue(project, path, null, signal),
    onRead: ({version, etag}) => { page.seen = {version, etag} },
  })
  const edit = h('div', {class: 'hide-empty'})
  const closeEditor = () => {
    edit.replaceChildren()
    rotate.focus()
    refresh(page)
  }
  const rotate = button(m.secret.rotate, () => {
    if (edit.firstChild) return
    edit.replaceChildren(editor({
      project, path, seen: page.seen, signal, onClose: closeEditor,
      onSaved: (made) => {
        catalog.put({project, path, ...made})
        page.seen = {version: page.seen.version === null ? null : made.version, etag: null}
        closeEditor()
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
  const hide = () => {
    box.hide()
    errors.clear()
  }
  return {element, editing: () => edit.firstChild !== null, hide}
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
    errors.show(error instanceof Conflict ? new api.Failure(412, '') : error)
  }
}

function fact(name, ...what) {
  return h('div', {}, h('dt', {}, name), h('dd', {}, what))
}

// vaultCommand returns the command by which clients of HashiCorp Vault read a secret.
function vaultCommand(project, path) {
  const quoted = (name) => /^[\w./-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`
  return `vault kv get -mount=${quoted(project)} ${quoted(path)}`
}

function facts(newest, ...more) {
  return h('dl', {class: 'facts'},
    fact(m.secret.version, String(newest.version)),
    fact(m.secret.changed, when(newest.updated_at, true)),
    fact(m.secret.by, newest.updated_by),
    newest.rotate_after ? fact(m.editor.rotate, when(newest.rotate_after, true)) : null,
    newest.expires_at ? fact(m.editor.expires, when(newest.expires_at, true), newest.expired ? h('span', {class: 'badge bad'}, m.attention.expired) : null) : null,
    more)
}

// showNotLive shows a secret that is deleted or destroyed.
function showNotLive(page, newest) {
  const {project, path, history, signal} = page
  const errors = errorArea()
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
  const create = h('a', {class: 'button', href: link('new', [], {project, path})}, m.secret.recreate)
  const actions = newest.state === 'deleted'
    ? [button(m.trash.restore, act(() => restoreFromTrash(project, path), m.trash.restored), {class: 'primary'}),
      button(m.trash.destroy, act(() => destroyAll(project, path), m.destroy.done), {class: 'danger-quiet'}), create]
    : [create]
  const caution = h('section', {class: 'caution'}, h('h3', {}, m.secret.notLive[newest.state]), h('p', {}, m.secret.notLiveText[newest.state]),
    errors.element, h('div', {class: 'actions'}, actions))
  draw(page, [caution, facts(newest)], false,
    [versions({project, path, history, signal, seen: () => null, onChange: () => refresh(page)})])
}

// destroyAll destroys all versions after the user has typed the name. It resolves to false if the
// user cancels.
export async function destroyAll(project, path) {
  const sure = await confirm({
    title: m.destroy.title, text: m.destroy.text, action: m.destroy.action, danger: true, typed: `${project}/${path}`,
  })
  return sure && destroy(project, path)
}
