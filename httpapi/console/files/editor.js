// The form for a new version. If another version was saved in the meantime, it shows both and keeps
// the typed value.

import * as api from './api.js'
import {announce, button, busyWhile, h} from './dom.js'
import {trackUnsaved} from './unsaved.js'
import {errorArea} from './errors.js'
import {when} from './format.js'
import {m} from './messages.js'
import {askToLeave} from './shell.js'
import {valueBox} from './valuebox.js'
import {valueField} from './valuefield.js'
import {Conflict, write} from './write.js'

// editor returns the form for a version that follows `seen`. It calls onSaved with the new version,
// or onClose if the user cancels.
export function editor({project, path, seen, signal, onSaved, onClose}) {
  const value = valueField()
  const errors = errorArea()
  const release = trackUnsaved(value.dirty)
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
      if (error instanceof Conflict) return showConflict()
      errors.show(error)
    }
  }

  async function showConflict() {
    try {
      const theirs = await api.newest(project, path, signal)
      errors.say(conflict({project, path, theirs, signal, mine: () => {
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

function conflict({project, path, theirs, signal, mine, drop}) {
  const box = theirs.state === 'live' ? valueBox({signal, read: () => api.readValue(project, path, theirs.version, signal)}) : null
  return h('section', {class: 'caution', role: 'alert'},
    h('h4', {}, theirs.state === 'live' ? m.editor.conflict(theirs.version) : m.editor.conflictDeleted),
    h('p', {}, m.editor.conflictBy, ' ', h('strong', {}, theirs.updated_by), ', ', when(theirs.updated_at), '. ', m.editor.conflictMine),
    box ? h('div', {}, h('p', {class: 'soft'}, m.editor.theirs(theirs.version)), box.element) : null,
    h('div', {class: 'actions'}, button(m.editor.keepMine, mine), button(m.editor.keepTheirs, drop)))
}
