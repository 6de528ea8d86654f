// The screen of secrets: a tree of all names with a filter, and the chosen secret.

import * as catalog from './catalog.js'
import {button, h, newID} from './dom.js'
import {errorArea} from './errors.js'
import {count} from './format.js'
import {m} from './messages.js'
import {go, link, secretLink} from './router.js'
import {longList} from './longlist.js'
import * as secret from './secret.js'
import {matching, rowsOf} from './tree.js'

const rowHeight = 34
const fewNames = 300 // up to this number, all folders are open at first

let current = null // the screen while it is shown

export function show({main, heading, route, signal}) {
  heading.textContent = m.secrets.title
  current = makeScreen(main, heading, signal)
  signal.addEventListener('abort', () => { current = null })
  current.select(route)
}

// follow shows another secret if this screen is already shown, and reports whether it is.
export function follow(route) {
  current?.select(route)
  return current !== null
}

function makeScreen(main, heading, signal) {
  const tree = makeTree(signal)
  const pane = h('section', {class: 'pane', 'aria-label': m.secrets.chosen})
  const layout = h('div', {class: 'split'}, tree.element, pane)
  main.replaceChildren(
    h('div', {class: 'title-row'}, heading, h('a', {href: link('new'), class: 'button primary'}, m.secrets.create)), layout)
  let leaving = null
  signal.addEventListener('abort', () => leaving?.abort())
  const select = (route) => {
    leaving?.abort()
    leaving = new AbortController()
    const [project, ...path] = route.segments
    const chosen = route.name === 'secret' && path.length > 0
    layout.classList.toggle('chosen', chosen)
    tree.choose(chosen ? `${project}/${path.join('/')}` : '')
    if (chosen) return secret.show(pane, project, path.join('/'), leaving.signal)
    if (route.query.get('filter')) tree.filter(route.query.get('filter'))
    pane.replaceChildren(h('div', {class: 'empty'}, h('p', {}, m.secrets.nothingChosen)))
  }
  return {select}
}

function makeTree(signal) {
  const open = new Map() // folders that the user opened or closed
  const state = {rows: [], items: [], chosen: ''}
  const filter = h('input', {type: 'search', id: newID('filter'), autocomplete: 'off', spellcheck: 'false', placeholder: m.secrets.filterHint})
  const counted = h('p', {class: 'soft counted', role: 'status'})
  const errors = errorArea()
  const empty = h('div', {class: 'empty', hidden: true})
  const isOpen = (key, depth) => open.get(key) ?? (filter.value !== '' || depth === 0 && catalog.projects().length < 50 || state.few)
  const update = () => {
    const all = catalog.all()
    state.few = all.length <= fewNames
    state.items = matching(all, filter.value)
    const active = state.rows[list.active()]?.key
    state.rows = rowsOf(state.items, isOpen)
    const at = state.rows.findIndex((row) => row.key === active)
    if (at >= 0) list.setActive(at)
    list.draw()
    counted.textContent = filter.value ? m.secrets.found(count(state.items.length), count(all.length)) : m.secrets.total(count(all.length), catalog.complete())
    empty.hidden = state.rows.length > 0
    empty.textContent = filter.value ? m.secrets.noMatch : m.secrets.none
    list.box.hidden = state.rows.length === 0
  }
  const toggle = (row, to) => {
    open.set(row.key, to)
    update()
  }
  const list = longList({
    height: rowHeight, label: m.secrets.tree, count: () => state.rows.length,
    render: (i) => renderRow(state.rows[i], state.chosen),
    onActivate: (i) => activate(state.rows[i], toggle),
    onKey: (key, i, move) => onArrow(key, state.rows, i, move, toggle),
  })
  filter.addEventListener('input', () => {
    open.clear()
    update()
  })
  filter.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown' && state.rows.length > 0) {
      event.preventDefault()
      list.box.focus()
    }
  })
  const load = (fresh) => {
    errors.clear()
    counted.textContent = m.loading
    catalog.load(fresh, (n) => { counted.textContent = m.secrets.loaded(count(n)) }).then(update, (error) => {
      counted.textContent = ''
      errors.show(error)
    })
  }
  catalog.onChange(signal, update)
  load(false)
  const element = h('section', {class: 'list', 'aria-label': m.secrets.tree},
    h('div', {class: 'filter'}, h('label', {for: filter.id, class: 'hidden'}, m.secrets.filter), filter,
      button(m.secrets.refresh, () => load(true), {class: 'quiet'})),
    counted, errors.element, list.box, empty)
  return {
    element,
    filter(text) { filter.value = text; update() },
    choose(key) {
      state.chosen = key
      list.draw()
    },
  }
}

function renderRow(row, chosen) {
  return h('div', {
    class: `row level-${Math.min(row.level, 9)}`, role: 'treeitem', 'aria-level': row.level, 'aria-setsize': row.parent.size,
    'aria-posinset': row.posinset, 'aria-expanded': row.folder ? String(row.open) : null, 'aria-selected': String(row.key === chosen),
  }, h('span', {class: row.folder ? 'twist' : 'dot', 'aria-hidden': 'true'}), h('span', {class: 'label'}, row.label),
  h('span', {class: 'soft end'}, row.folder ? count(row.count) : m.version(row.item.version)))
}

function activate(row, toggle) {
  if (row.folder) toggle(row, !row.open)
  else go(secretLink(row.item.project, row.item.path))
}

// onArrow handles the left and right arrow keys of a tree. It reports whether it used the key.
function onArrow(key, rows, i, move, toggle) {
  const row = rows[i]
  if (!row) return false
  if (key === 'ArrowRight' && row.folder) {
    if (row.open) move(i + 1)
    else toggle(row, true)
    return true
  }
  if (key !== 'ArrowLeft') return false
  if (row.folder && row.open) toggle(row, false)
  else if (row.level > 1) move(rows.indexOf(row.parent))
  return true
}
