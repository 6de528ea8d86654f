// What was typed and is not saved. Views say that they hold an edit; nobody leaves one by accident.

const edits = new Set()

// hold registers an edit; dirty() says whether there is something to lose. The result ends it.
export function hold(dirty) {
  edits.add(dirty)
  return () => edits.delete(dirty)
}

export function held() {
  return [...edits].some((dirty) => dirty())
}

export function releaseAll() {
  edits.clear()
}

window.addEventListener('beforeunload', (event) => {
  if (held()) event.preventDefault()
})
