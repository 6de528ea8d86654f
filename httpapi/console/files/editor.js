// The form for a new version. If the race for it is lost, both sides are shown, and nothing that was
// typed is gone.

import * as api from './api.js'
import {announce, button, busyWhile, h} from './dom.js'
import {hold} from './edits.js'
import {place} from './errors.js'
import {when} from './format.js'
import {m} from './messages.js'
import {askToLeave} from './shell.js'
import {valueBox} from './valuebox.js'
import {valueField} from './valuefield.js'
import {Lost, write} from './write.js'

// editor edits a secret on top of `seen`; onSaved gets the new version, onClose is for giving up.
export function editor({project, path, seen, signal, onSaved, onClose}) {
  const value = valueField()
  const errors = place()
  const release = hold(value.dirty)
  signal.addEventListener('abort', release)
  const save = h('button', {type: 'submit', class: 'primary'}, m.editor.save)
  const close = async () => {
    if (value.dirty() && !await askToLeave()) return
    finish()
    onClose()
  }
  const finish = () => {
    release()
    value.wipe()
  }

  async function submit() {
    errors.clear()
    if (!value.ready()) return errors.say(h('p', {class: 'problem', role: 'alert'}, m.editor.empty))
    try {
      const made = await write(project, path, value.body(), seen)
      finish()
      announce(m.editor.saved(made.version))
      onSaved(made)
    } catch (error) {
      if (error instanceof Lost) return showBoth()
      errors.show(error)
    }
  }

  // showBoth puts the other side beside what was typed, which stays in its field.
  async function showBoth() {
    try {
      const theirs = await api.newest(project, path, signal)
      errors.say(bothSides({project, path, theirs, signal, mine: () => {
        seen = {version: theirs.state === 'live' ? theirs.version : 0, etag: null}
        submit()
      }, drop: () => { finish(); onClose() }}))
    } catch (error) {
      errors.show(error)
    }
  }

  return h('form', {class: 'card', 'aria-label': m.editor.title, on: {submit: (event) => {
    event.preventDefault()
    busyWhile(save, submit)
  }}},
  h('h3', {}, m.editor.title), value.element, errors.element,
  h('div', {class: 'actions'}, save, button(m.dialog.cancel, close)))
}

function bothSides({project, path, theirs, signal, mine, drop}) {
  const box = theirs.state === 'live' ? valueBox({signal, read: () => api.readValue(project, path, theirs.version, signal)}) : null
  return h('section', {class: 'caution', role: 'alert'},
    h('h4', {}, theirs.state === 'live' ? m.editor.lost(theirs.version) : m.editor.lostGone),
    h('p', {}, m.editor.lostBy, ' ', h('strong', {}, theirs.updated_by), ', ', when(theirs.updated_at), '. ', m.editor.lostMine),
    box ? h('div', {}, h('p', {class: 'soft'}, m.editor.theirs(theirs.version)), box.element) : null,
    h('div', {class: 'actions'}, button(m.editor.keepMine, mine), button(m.editor.keepTheirs, drop)))
}
