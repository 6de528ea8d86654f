// Tables with column headers.

import {h} from './dom.js'

// table returns a table. The first cell of each row is its header.
export function table(label, columns, rows) {
  return h('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label}, h('table', {},
    h('thead', {}, h('tr', {}, columns.map((text) => text ? h('th', {scope: 'col'}, text) : h('td', {})))),
    h('tbody', {}, rows.map(([name, ...cells]) => h('tr', {}, h('th', {scope: 'row'}, name), cells.map((cell) => h('td', {}, cell)))))))
}
