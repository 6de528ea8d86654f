// Dialogs. The browser's <dialog> keeps the focus inside and restores it afterwards.

import {button, field, h, input, newID} from './dom.js'
import {m} from './messages.js'

// open shows a dialog and resolves to the result that was passed to close, or to null if the user
// dismissed the dialog. build returns the content.
export function open(title, build) {
  return new Promise((resolve) => {
    const id = newID('dialog')
    const dialog = h('dialog', {'aria-labelledby': id, class: 'dialog'})
    let result = null
    const close = (value) => {
      result = value
      dialog.close()
    }
    // Without an input, focus the title: the Enter key that opened the dialog, or one held down,
    // must not confirm it.
    const content = [build(close)].flat()
    const hasInput = content.some((node) => node.querySelector('input'))
    dialog.append(h('h2', {id, tabindex: '-1', autofocus: !hasInput}, title), ...content)
    dialog.addEventListener('close', () => {
      dialog.remove()
      resolve(result)
    })
    document.body.append(dialog)
    dialog.showModal()
  })
}

// confirm asks for confirmation of one action. For an action that cannot be undone, `typed` is the
// text that the user must type first.
export function confirm({title, text, action, danger = false, typed = ''}) {
  return open(title, (close) => {
    const typing = typed ? input({on: {input: () => update()}}) : null
    const confirmButton = h('button', {type: 'submit', class: danger ? 'danger' : 'primary'}, action)
    const update = () => { if (typing) confirmButton.disabled = typing.value !== typed }
    update()
    const submit = (event) => {
      event.preventDefault()
      if (!confirmButton.disabled) close(true)
    }
    return h('form', {on: {submit}},
      [text].flat().map((line) => h('p', {}, line)),
      typing ? [h('p', {class: 'name'}, typed), field(m.dialog.typeName, typing)] : null,
      h('div', {class: 'actions'}, confirmButton, button(m.dialog.cancel, () => close(false))))
  }).then(Boolean)
}
