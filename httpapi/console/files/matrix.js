// The screen with a matrix of names and environments, which shows missing and older secrets.

import * as catalog from './catalog.js'
import {checkbox, field, h, newID, select} from './dom.js'
import {errorArea} from './errors.js'
import {ago, count} from './format.js'
import {m} from './messages.js'
import {go, link, secretLink} from './router.js'
import {longList} from './longlist.js'

const rowHeight = 40
const maxColumns = 8
const commonOrder = ['dev', 'development', 'test', 'testing', 'qa', 'staging', 'preprod', 'prod', 'production']
const day = 86400 * 1000

export function show({main, heading, route, signal}) {
  heading.textContent = m.matrix.title
  const project = select([['', m.matrix.allProjects]], '')
  const level = select([0, 1, 2, 3].map((n) => [String(n), m.matrix.levels[n]]), route.query.get('level') ?? '1')
  const age = select([[1, m.matrix.days(1)], [7, m.matrix.days(7)], [30, m.matrix.days(30)], [90, m.matrix.days(90)], [0, m.matrix.any]].map(([n, text]) => [String(n), text]), '30')
  const filter = h('input', {type: 'search', id: newID('filter'), autocomplete: 'off', spellcheck: 'false'})
  const summary = h('p', {class: 'soft', role: 'status'}, m.loading)
  const errors = errorArea()
  const holder = h('div', {})
  let gaps = false
  const options = () => ({project: project.value, level: Number(level.value), age: Number(age.value) * day, words: filter.value.toLowerCase(), gaps})
  const update = () => {
    const made = table(catalog.all(), options())
    summary.textContent = m.matrix.summary(count(made.rows.length), count(made.missing), count(made.older), count(made.outside))
    holder.replaceChildren(...grid(made))
  }
  const projects = () => {
    const chosen = project.value || (route.query.get('project') ?? '')
    project.replaceChildren(h('option', {value: ''}, m.matrix.allProjects), ...catalog.projects().map((p) => h('option', {value: p.name}, p.name)))
    project.value = chosen
    update()
  }
  for (const control of [project, level, age]) control.addEventListener('change', update)
  filter.addEventListener('input', update)
  catalog.onChange(signal, projects)
  catalog.load().then(projects, (error) => {
    summary.textContent = ''
    errors.show(error)
  })
  main.append(h('div', {class: 'stack-tight'},
    h('div', {class: 'line'}, field(m.matrix.project, project), field(m.matrix.level, level), field(m.matrix.age, age), field(m.secrets.filter, filter),
      checkbox(m.matrix.onlyGaps, false, (on) => {
        gaps = on
        update()
      })),
    summary, errors.element, holder))
}

// table groups the names into rows (the name without its environment) and columns (environments).
function table(items, {project, level, age, words, gaps}) {
  const rows = new Map()
  const columns = new Map()
  let outside = 0
  for (const item of items) {
    if (project && item.project !== project || !item.search.includes(words)) continue
    const {parts} = item
    if (parts.length <= level || level > 0 && parts.length === level + 1) {
      outside++ // the name has no part at this level, or none after it
      continue
    }
    const environment = parts[level]
    const name = parts.toSpliced(level, 1, '·').join('/')
    if (!rows.has(name)) rows.set(name, {name, parts, cells: new Map(), newest: 0})
    const row = rows.get(name)
    row.cells.set(environment, item)
    row.newest = Math.max(row.newest, Date.parse(item.updated_at))
    columns.set(environment, (columns.get(environment) ?? 0) + 1)
  }
  const shown = [...columns].sort((a, b) => b[1] - a[1]).slice(0, maxColumns).map(([name]) => name).sort(byCommonOrder)
  return withStates([...rows.values()], shown, {level, age, gaps, outside})
}

// withStates marks each cell as missing, older (by more than age than the newest of its row) or
// present.
function withStates(rows, columns, {level, age, gaps, outside}) {
  const made = {rows: [], columns, level, missing: 0, older: 0, outside}
  for (const row of rows) {
    row.states = columns.map((column) => {
      const item = row.cells.get(column)
      if (!item) return 'missing'
      return row.newest - Date.parse(item.updated_at) > age ? 'older' : 'present'
    })
    const gap = row.states.some((s) => s !== 'present')
    if (gaps && !gap) continue
    made.missing += row.states.filter((s) => s === 'missing').length
    made.older += row.states.filter((s) => s === 'older').length
    made.rows.push(row)
  }
  return made
}

function byCommonOrder(a, b) {
  const rank = (name) => (commonOrder.indexOf(name) + 1) || commonOrder.length + 1
  return rank(a) - rank(b) || (a < b ? -1 : 1)
}

// grid shows the table. A cell opens its secret, or the form that creates a missing one.
function grid(made) {
  if (!made.rows.length) return [h('div', {class: 'empty'}, m.matrix.none)]
  let column = 0
  const head = h('div', {role: 'row', class: 'matrix-row matrix-head', 'aria-rowindex': '1'},
    h('span', {role: 'columnheader'}, m.matrix.name), made.columns.map((name) => h('span', {role: 'columnheader'}, name)))
  const list = longList({
    height: rowHeight, label: m.matrix.title, role: 'grid', head, count: () => made.rows.length,
    render: (i, active) => renderRow(made, i, active ? column : -1),
    onActivate: (i, event) => {
      const cell = event.target.closest?.('[data-column]')
      if (cell) column = Number(cell.dataset.column)
      else if (event.type === 'click') return
      open(made.rows[i])
    },
    onKey: (key) => {
      if (key !== 'ArrowRight' && key !== 'ArrowLeft') return false
      column = Math.max(0, Math.min(made.columns.length - 1, column + (key === 'ArrowRight' ? 1 : -1)))
      list.draw()
      return true
    },
    cell: () => column,
  })
  list.box.classList.add(`columns-${made.columns.length}`)
  list.box.setAttribute('aria-rowcount', made.rows.length + 1)
  const open = (row) => {
    const item = row.cells.get(made.columns[column])
    const parts = row.parts.toSpliced(made.level, 1, made.columns[column])
    go(item ? secretLink(item.project, item.path) : link('new', [], {project: parts[0], path: parts.slice(1).join('/')}))
  }
  return [list.box, h('p', {class: 'hint'}, m.matrix.hint)]
}

function renderRow(made, i, column) {
  const row = made.rows[i]
  return h('div', {role: 'row', class: 'row matrix-row', 'aria-rowindex': i + 2},
    h('span', {role: 'rowheader', class: 'label mono'}, row.name),
    row.states.map((state, at) => h('span', {
      role: 'gridcell', class: `cell ${state}${at === column ? ' selected' : ''}`, 'data-column': at,
    }, state === 'missing' ? m.matrix.missing : h('span', {}, m.version(row.cells.get(made.columns[at]).version), ' ',
      h('span', {class: 'soft'}, (state === 'older' ? m.matrix.older + ' ' : '') + ago(row.cells.get(made.columns[at]).updated_at))))))
}
