// What is secret is shown for a while, and then no more.

import {announce, button, h} from './dom.js'
import {m} from './messages.js'

const shownFor = 30 // seconds

// veil is a place that shows something secret until hide, for half a minute, until the page is put out
// of sight, or until its screen ends. onHide lets go of what was shown.
export function veil(signal, onHide) {
  const element = h('div', {class: 'veil'})
  let timer = 0

  function show(...nodes) {
    const left = h('span', {class: 'soft'})
    element.replaceChildren(...nodes, h('div', {class: 'value-foot'}, left, button(m.value.keep, () => countDown(left), {class: 'quiet'})))
    countDown(left)
  }

  function countDown(left) {
    clearInterval(timer)
    let seconds = shownFor
    const tell = () => { left.textContent = m.value.hidesIn(seconds) }
    tell()
    timer = setInterval(() => {
      seconds--
      if (seconds > 0) return tell()
      hide()
      announce(m.value.hidden)
    }, 1000)
  }

  function hide() {
    clearInterval(timer)
    element.replaceChildren()
    onHide()
  }

  document.addEventListener('visibilitychange', () => { if (document.hidden) hide() }, {signal})
  signal.addEventListener('abort', hide)
  return {element, show, hide}
}
