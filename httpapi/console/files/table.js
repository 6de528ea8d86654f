// Tables of records, with their headers.

import {h} from './dom.js'

// table shows rows of cells under columns. The first cell of a row names it.
export function table(label, columns, rows) {
  return h('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label}, h('table', {},
    h('thead', {}, h('tr', {}, columns.map((text) => text ? h('th', {scope: 'col'}, text) : h('td', {})))),
    h('tbody', {}, rows.map(([name, ...cells]) => h('tr', {}, h('th', {scope: 'row'}, name), cells.map((cell) => h('td', {}, cell)))))))
}
