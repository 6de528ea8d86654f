// Shows a secret for a limited time.

import {announce, button, h} from './dom.js'
import {m} from './messages.js'

const shownFor = 30 // seconds

// autoHide returns an element that shows a secret until hide is called, the time is over, the
// page is hidden, or signal is aborted. onHide must drop all references to the secret.
export function autoHide(signal, onHide) {
  const element = h('div', {})
  let timer = 0

  function show(...nodes) {
    const left = h('span', {class: 'soft'})
    element.replaceChildren(...nodes, h('div', {class: 'value-foot'}, left, button(m.value.keep, () => countDown(left), {class: 'quiet'})))
    countDown(left)
  }

  function countDown(left) {
    clearInterval(timer)
    let seconds = shownFor
    const update = () => { left.textContent = m.value.hidesIn(seconds) }
    update()
    timer = setInterval(() => {
      seconds--
      if (seconds > 0) return update()
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
