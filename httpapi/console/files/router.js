// Addresses of screens. They are in the fragment, which browsers do not send to the server. They
// contain names, but never values or tokens.

import {discardAll, hasUnsaved} from './unsaved.js'

// parse parses an address such as "#/secret/newsbot/prod/db?tab=access".
export function parse(hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split('?')
  const [name, ...segments] = path.split('/').map(decode)
  return {name, segments, query: new URLSearchParams(query)}
}

function decode(segment) {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment // a broken link becomes a name that does not exist
  }
}

// link returns the address of a screen.
export function link(name, segments = [], query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== '' && value !== null && value !== undefined)
  const text = new URLSearchParams(given).toString()
  return '#/' + [name, ...segments].map(encodeURIComponent).join('/') + (text ? '?' + text : '')
}

export function secretLink(project, path, query) {
  return link('secret', [project, ...path.split('/')], query)
}

export function go(to) {
  if (location.hash === to) window.dispatchEvent(new Event('hashchange'))
  else location.hash = to
}

// start calls show for each address. If there is unsaved input, it first calls askToLeave.
export function start(show, askToLeave) {
  let shown = location.hash
  window.addEventListener('hashchange', async () => {
    const target = location.hash
    if (target !== shown && hasUnsaved()) {
      history.replaceState(null, '', shown)
      if (!await askToLeave()) return
      discardAll()
      history.pushState(null, '', target)
    }
    shown = target
    show(parse(target))
  })
  show(parse(shown))
}
