// The screen that imports a pasted .env file. It previews the changes before it writes them.

import * as api from './api.js'
import * as catalog from './catalog.js'
import {projectInput} from './create.js'
import {parse} from './dotenv.js'
import {announce, button, busyWhile, checkbox, field, h, input, newID} from './dom.js'
import {trackUnsaved} from './unsaved.js'
import {errorArea} from './errors.js'
import {bytes, count} from './format.js'
import {m} from './messages.js'
import {Conflict, write} from './write.js'

const max = {changes: 1000, bytes: 900 * 1024, value: 512 * 1024, name: 128} // value and name are the vault's limits

export function show({main, heading, signal}) {
  heading.textContent = m.import.title
  const project = projectInput('', signal)
  const folder = input({value: 'prod', placeholder: 'prod'})
  const text = h('textarea', {class: 'masked', rows: '8', id: newID('env'), autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off'})
  const errors = errorArea()
  const preview = h('div', {class: 'stack'})
  const release = trackUnsaved(() => text.value !== '')
  signal.addEventListener('abort', () => {
    release()
    text.value = ''
  })
  let compare = false
  const previewButton = h('button', {type: 'submit', class: 'primary'}, m.import.preview)

  async function showPreview() {
    errors.clear()
    preview.replaceChildren()
    const {entries, errors: bad} = parse(text.value)
    if (bad.length) return errors.say(lineErrors(bad))
    if (!entries.length) return errors.say(h('p', {class: 'problem', role: 'alert'}, m.import.nothing))
    try {
      await catalog.load(true)
      const rows = await planRows(entries, project.control.value.trim(), folder.value.trim(), compare, signal)
      preview.replaceChildren(table(rows), apply(rows))
      preview.querySelector('h2').focus()
    } catch (error) {
      errors.show(error)
    }
  }

  function apply(rows) {
    const wanted = rows.filter((row) => row.kind === 'new' || row.kind === 'changed')
    const skipped = rows.filter((row) => row.kind === 'bad').length
    const status = errorArea()
    const go = button(m.import.apply(wanted.length), () => busyWhile(go, async () => {
      status.clear()
      try {
        await writeAll(wanted)
        if (!skipped) text.value = ''
        preview.replaceChildren(h('p', {class: 'done'}, m.import.done(wanted.length)))
        announce(m.import.done(wanted.length))
      } catch (error) {
        status.show(error instanceof Conflict ? new api.Failure(409, '') : error)
      }
    }), {class: 'primary'})
    const note = skipped ? h('p', {class: 'problem', role: 'alert'}, m.import.skipped(skipped)) : null
    if (wanted.length) return h('div', {class: 'stack-tight'}, note, status.element, h('div', {class: 'actions'}, go))
    return note ?? h('p', {class: 'soft'}, m.import.allSame)
  }

  main.append(h('div', {class: 'stack'}, h('form', {class: 'card form', on: {submit: (event) => {
    event.preventDefault()
    busyWhile(previewButton, showPreview)
  }}},
  h('p', {class: 'soft'}, m.import.lead),
  project.element, field(m.import.folder, folder, m.import.folderHint), field(m.import.text, text),
  h('div', {class: 'line'}, checkbox(m.editor.show, false, (shown) => text.classList.toggle('masked', !shown)),
    checkbox(m.import.compare, false, (on) => { compare = on })),
  errors.element, h('div', {class: 'actions'}, previewButton)), preview))
}

// lineErrors lists the lines that cannot be parsed.
function lineErrors(bad) {
  return h('div', {class: 'problem', role: 'alert'}, h('p', {}, m.import.bad),
    h('ul', {}, bad.map(({line, name, why}) => h('li', {}, m.import.line(line, name, m.import.whys[why])))))
}

// checkEntry returns why an entry cannot be written, as a key of m.import.whys, or '' if it can.
function checkEntry(name, value) {
  if (!value) return 'empty'
  if (bytes(value) > max.value) return 'large'
  return bytes(name) > max.name ? 'long' : ''
}

// planRows returns a row for each entry. Its kind is new, changed, same or bad.
async function planRows(entries, project, folder, compare, signal) {
  const rows = entries.map(({name, value}) => {
    const path = (folder ? folder.replace(/\/+$/, '') + '/' : '') + name
    const known = catalog.find(project, path)
    const why = checkEntry(name, value)
    return {project, path, value, why, version: known?.version ?? 0, kind: why ? 'bad' : known ? 'changed' : 'new'}
  })
  if (compare) {
    await Promise.all(rows.filter((row) => row.version && !row.why).map(async (row) => {
      const found = await api.readValue(row.project, row.path, null, signal)
      if (!found.encoding && found.value === row.value) row.kind = 'same'
    }))
  }
  return rows
}

function table(rows) {
  const kinds = {new: 'good', changed: 'warn', same: '', bad: 'bad'}
  return h('section', {class: 'card'}, h('h2', {tabindex: '-1'}, m.import.planned),
    h('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': m.import.planned}, h('table', {},
      h('thead', {}, h('tr', {}, m.import.columns.map((text) => h('th', {scope: 'col'}, text)))),
      h('tbody', {}, rows.map((row) => h('tr', {},
        h('th', {scope: 'row', class: 'mono'}, `${row.project}/${row.path}`),
        h('td', {}, h('span', {class: `badge ${kinds[row.kind]}`}, m.import.kinds[row.kind](row.version)),
          row.why ? h('span', {class: 'soft'}, ' ', m.import.whys[row.why]) : null),
        h('td', {class: 'soft'}, m.import.size(count(bytes(row.value))))))))))
}

// writeAll writes the rows in as few requests as their limits allow. A request writes all of its
// rows or none.
async function writeAll(rows) {
  for (let rest = rows; rest.length;) {
    let n = 0
    for (let size = 0; n < rest.length && n < max.changes && (n === 0 || size + bytes(JSON.stringify(rest[n])) < max.bytes); n++) size += bytes(JSON.stringify(rest[n]))
    await writeBatch(rest.slice(0, n))
    rest = rest.slice(n)
  }
  await catalog.load(true)
}

// writeBatch writes the rows at once, or one by one if the store does not support that.
async function writeBatch(rows) {
  const changes = rows.map(({project, path, value, version}) => ({op: 'put', project, path, value, ...(version ? {if_version: version} : {if_absent: true})}))
  try {
    await api.request('POST', 'api/changes', {body: {changes}})
  } catch (error) {
    if (error.status !== 501) throw error
    for (const row of rows) await write(row.project, row.path, {value: row.value}, {version: row.version, etag: null})
  }
}
