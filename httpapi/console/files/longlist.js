// A scrolling list that creates only the visible rows.

import {h} from './dom.js'

const extraRows = 6 // beyond each edge, so that scrolling shows no gaps

// longList creates a box that scrolls over count() rows of equal height. The box has the focus. Its
// aria-activedescendant is the active row, or in a grid the column that cell() returns, so rows can
// be created and removed. `head` stays above the rows.
export function longList({height, label, role = 'tree', count, render, onActivate, onKey, head = null, cell = null}) {
  const id = `rows-${label.replace(/\W+/g, '-')}`
  const inner = h('div', {class: 'rows-inner', role: 'presentation'})
  const box = h('div', {class: 'rows', role, tabindex: '0', 'aria-label': label}, head, inner)
  const above = head ? height : 0
  let active = 0

  function draw() {
    const n = count()
    active = Math.min(active, Math.max(0, n - 1))
    inner.style.height = `${n * height}px`
    const first = Math.max(0, Math.floor(box.scrollTop / height) - extraRows)
    const end = Math.min(n, Math.ceil((box.scrollTop + box.clientHeight) / height) + extraRows)
    const shown = []
    if (n > 0 && active < first) shown.push(makeRow(active))
    for (let i = first; i < end; i++) shown.push(makeRow(i))
    if (n > 0 && active >= end) shown.push(makeRow(active))
    inner.replaceChildren(...shown)
    if (n > 0) box.setAttribute('aria-activedescendant', cell ? `${id}-${active}-${cell()}` : `${id}-${active}`)
    else box.removeAttribute('aria-activedescendant')
  }

  function makeRow(i) {
    const row = render(i, i === active)
    row.id = `${id}-${i}`
    row.dataset.index = i
    if (cell) [...row.querySelectorAll('[data-column]')].forEach((c, at) => { c.id = `${row.id}-${at}` })
    row.style.transform = `translateY(${i * height}px)`
    row.classList.toggle('active', i === active)
    return row
  }

  function move(to) {
    active = Math.max(0, Math.min(count() - 1, to))
    const top = active * height
    if (top < box.scrollTop) box.scrollTop = top
    else if (top + height + above > box.scrollTop + box.clientHeight) box.scrollTop = top + height + above - box.clientHeight
    draw()
  }

  box.addEventListener('scroll', draw, {passive: true})
  box.addEventListener('click', (event) => {
    const row = event.target.closest('[data-index]')
    if (!row) return
    move(Number(row.dataset.index))
    onActivate(active, event)
  })
  box.addEventListener('keydown', (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return
    const page = Math.max(1, Math.floor(box.clientHeight / height) - 1)
    const to = {
      ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page,
      Home: 0, End: count() - 1,
    }[event.key]
    if (to !== undefined) move(to)
    else if (event.key === 'Enter' || event.key === ' ') onActivate(active, event)
    else if (!onKey?.(event.key, active, move)) return
    event.preventDefault()
  })
  new ResizeObserver(draw).observe(box)
  return {box, draw, move, active: () => active, setActive: (i) => { active = i }}
}
