// Live updates: one stream of changes for the page, open while the page is visible. If the server
// refuses it, the page works without: the user refreshes.

import {newest, watch} from './api.js'
import * as catalog from './catalog.js'

const retryAfter = 30000 // milliseconds after a stream that ended or was refused
const maxFetched = 20 // with more changes at once, the catalog is loaded again

const changed = new EventTarget()
let pressed = false

// start follows changes until the page is left.
export function start() {
  document.addEventListener('pointerdown', () => { pressed = true }, true)
  for (const end of ['pointerup', 'pointercancel']) {
    document.addEventListener(end, () => setTimeout(() => { pressed = false }), true) // after the click
  }
  let stream = null
  let cursor = ''
  const follow = async (signal) => {
    while (!signal.aborted) {
      try {
        for await (const {id, data} of watch(cursor, signal)) {
          if (data.changes) await apply(data.changes)
          cursor = id
        }
      } catch (error) {
        if ([403, 404, 405, 501].includes(error.status)) return
        if (error.status === 410) {
          cursor = ''
          catalog.load(true).catch(() => {})
        }
      }
      if (!signal.aborted) await new Promise((go) => setTimeout(go, retryAfter))
    }
  }
  const update = () => {
    stream?.abort()
    stream = document.hidden ? null : new AbortController()
    if (stream) follow(stream.signal)
  }
  document.addEventListener('visibilitychange', update)
  update()
}

// onChange calls changed with each change of a secret, until signal is aborted.
export function onChange(signal, project, path, call) {
  changed.addEventListener('change', ({detail}) => {
    if (detail.project === project && detail.path === path) call(detail)
  }, {signal})
}

// apply updates the catalog. It waits until no mouse button is pressed, because a press on a row
// that is replaced would be lost.
async function apply(changes) {
  const others = changes.filter((c) => c.state !== 'live' || catalog.find(c.project, c.path)?.version !== c.version)
  const found = others.length > maxFetched ? [] : await Promise.all(
    others.filter((c) => c.state === 'live').map((c) => newest(c.project, c.path).then((version) => ({...c, ...version}), () => null)))
  while (pressed) await new Promise((go) => setTimeout(go, 50))
  if (others.length > maxFetched) await catalog.load(true)
  for (const item of found) if (item?.state === 'live') catalog.put(item)
  for (const c of others) {
    if (c.state !== 'live') catalog.remove(c.project, c.path)
    changed.dispatchEvent(new CustomEvent('change', {detail: c}))
  }
}
