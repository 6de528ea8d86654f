// Formats times and sizes.

import {h} from './dom.js'
import {locale} from './messages.js'

const absolute = new Intl.DateTimeFormat(locale, {dateStyle: 'medium', timeStyle: 'medium'})
const relative = new Intl.RelativeTimeFormat(locale, {numeric: 'auto'})
const steps = [['year', 31557600], ['month', 2629800], ['week', 604800], ['day', 86400], ['hour', 3600], ['minute', 60]]

// ago returns a relative time in the past or future: "3 days ago".
export function ago(time) {
  const seconds = (new Date(time) - Date.now()) / 1000
  for (const [unit, size] of steps) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit)
  }
  return relative.format(Math.trunc(seconds), 'second')
}

// when shows a relative time. The exact time is next to it, or in its title.
export function when(time, exact = false) {
  if (!time) return h('span', {}, '–')
  const text = absolute.format(new Date(time))
  return exact
    ? h('time', {datetime: time}, ago(time), ' ', h('span', {class: 'soft'}, text))
    : h('time', {datetime: time, title: text}, ago(time))
}

export function bytes(text) {
  return new TextEncoder().encode(text).length
}

const number = new Intl.NumberFormat(locale)
export function count(n) {
  return number.format(n)
}
