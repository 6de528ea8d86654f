// Questions in a dialog. The browser's own <dialog> keeps the focus inside, and gives it back.

import {button, field, h, input, newID} from './dom.js'
import {m} from './messages.js'

// open shows a dialog until close is called with its result, or it is dismissed (null).
export function open(title, build) {
  return new Promise((resolve) => {
    const id = newID('dialog')
    const dialog = h('dialog', {'aria-labelledby': id, class: 'dialog'})
    let result = null
    const close = (value) => {
      result = value
      dialog.close()
    }
    // The focus begins at the title, where there is nothing to fill in: the Enter that led here, or one
    // that is held down, must not answer the question.
    const content = [build(close)].flat()
    const asks = content.some((node) => node.querySelector('input'))
    dialog.append(h('h2', {id, tabindex: '-1', autofocus: !asks}, title), ...content)
    dialog.addEventListener('close', () => {
      dialog.remove()
      resolve(result)
    })
    document.body.append(dialog)
    dialog.showModal()
  })
}

// confirm asks a question with one action; typed is a name that has to be typed first, for what
// cannot be undone.
export function confirm({title, text, action, danger = false, typed = ''}) {
  return open(title, (close) => {
    const typing = typed ? input({on: {input: () => update()}}) : null
    const yes = h('button', {type: 'submit', class: danger ? 'danger' : 'primary'}, action)
    const update = () => { if (typing) yes.disabled = typing.value !== typed }
    update()
    const submit = (event) => {
      event.preventDefault()
      if (!yes.disabled) close(true)
    }
    return h('form', {on: {submit}},
      [text].flat().map((line) => h('p', {}, line)),
      typing ? [h('p', {class: 'name'}, typed), field(m.dialog.typeName, typing)] : null,
      h('div', {class: 'actions'}, yes, button(m.dialog.cancel, () => close(false))))
  }).then(Boolean)
}
