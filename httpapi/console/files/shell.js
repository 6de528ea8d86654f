// The frame around the screens: skip link, navigation, current service.

import {button, h} from './dom.js'
import {confirm, open} from './dialog.js'
import {m} from './messages.js'
import {link} from './router.js'
import {service, signOut} from './session.js'
import {form} from './signin.js'

const sections = ['secrets', 'matrix', 'import', 'attention', 'trash', 'projects', 'trail', 'access', 'health']

// frame returns the frame, its main element, and a function that marks the current section.
export function frame() {
  const main = h('main', {id: 'main', tabindex: '-1'})
  const links = sections.map((name) => h('a', {href: link(name), 'data-section': name}, m.nav[name]))
  const skip = (event) => {
    event.preventDefault() // the fragment is the address of the screen
    main.focus()
  }
  const element = h('div', {class: 'frame'},
    h('a', {href: '#main', class: 'skip', on: {click: skip}}, m.nav.skip),
    h('header', {class: 'side'},
      h('p', {class: 'brand'}, h('img', {src: 'icon.svg', alt: '', width: '28', height: '28'}), 'myVault'),
      h('nav', {'aria-label': m.nav.label}, h('ul', {}, links.map((a) => h('li', {}, a)))),
      h('div', {class: 'who'},
        h('a', {href: link('me'), 'data-section': 'me'}, h('span', {class: 'soft'}, m.nav.signedInAs), h('strong', {}, service())),
        button(m.nav.signOut, signOut))),
    main)
  return {element, main, mark}
}

// mark marks a section of the navigation as the current one.
function mark(section) {
  for (const a of document.querySelectorAll('[data-section]')) {
    if (a.dataset.section === section) a.setAttribute('aria-current', 'page')
    else a.removeAttribute('aria-current')
  }
}

// askToLeave asks whether to discard unsaved input.
export function askToLeave() {
  return confirm({title: m.leave.title, text: m.leave.text, action: m.leave.action, danger: true})
}

// askAgain asks the user to sign in again, above the current screen.
export function askAgain(name) {
  return open(m.signIn.again, (close) => [h('p', {}, m.signIn.againText), form(() => close(true), name)]).then(Boolean)
}
