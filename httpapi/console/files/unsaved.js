// Tracks unsaved input, so that the user cannot leave it by accident.
const edits = new Set()

// trackUnsaved registers a view with unsaved input. dirty() reports whether it has any. The
// returned function removes it.
export function trackUnsaved(dirty) {
  edits.add(dirty)
  return () => edits.delete(dirty)
}


export function hasUnsaved() {
  return [...edits].some((dirty) => dirty())
}

export function discardAll() {
  edits.clear()
}

window.addEventListener('beforeunload', (event) => {
  if (hasUnsaved()) event.preventDefault()
})
