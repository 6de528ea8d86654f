// The entry point: sign-in, then the screen of the current address.

import {h} from './dom.js'
import * as live from './live.js'
import {m} from './messages.js'
import * as router from './router.js'
import * as session from './session.js'
import {askAgain, askToLeave, frame} from './shell.js'
import {screen as signInScreen} from './signin.js'
import * as access from './access.js'
import * as attention from './attention.js'
import * as create from './create.js'
import * as health from './health.js'
import * as importer from './importer.js'
import * as matrix from './matrix.js'
import * as me from './me.js'
import * as projects from './projects.js'
import * as secrets from './secrets.js'
import * as trail from './trail.js'
import * as trash from './trash.js'

// screens has the function that shows a screen, by the first segment of its address. A screen is
// left when its signal is aborted.
const screens = {
  secrets: secrets.show, secret: secrets.show, new: create.show, import: importer.show, matrix: matrix.show, attention: attention.show,
  trash: trash.show, projects: projects.show, trail: trail.show, access: access.show, health: health.show, me: me.show,
}
const sectionOf = {secret: 'secrets', new: 'secrets'}

const app = document.getElementById('app')
let leaving = new AbortController()

function begin() {
  document.title = `${m.signIn.title} · myVault`
  app.replaceChildren(signInScreen(enter))
  app.querySelector('input').focus()
}

function enter() {
  const {element, main, mark} = frame()
  app.replaceChildren(element)
  session.onExpired(askAgain)
  live.start()
  router.start((route) => {
    const show = screens[route.name] ?? screens.secrets
    // Choosing another secret does not rebuild the secrets screen.
    if (show === secrets.show && secrets.follow(route)) return mark('secrets')
    leaving.abort()
    leaving = new AbortController()
    mark(sectionOf[route.name] ?? (screens[route.name] ? route.name : 'secrets'))
    const heading = h('h1', {tabindex: '-1'})
    main.replaceChildren(heading)
    show({main, heading, route, signal: leaving.signal})
    document.title = `${heading.textContent} · myVault`
    main.scrollTop = 0
    if (!main.contains(document.activeElement)) heading.focus()
  }, askToLeave)
}

// A page restored from the back/forward cache could show old values.
window.addEventListener('pageshow', (event) => { if (event.persisted) location.reload() })

begin()
