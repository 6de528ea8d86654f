// Rows of a tree, made of ordered names in one pass: no nodes are kept, so ten thousand names
// are filtered between two key strokes.

// matching gives the items that hold every word of the text.
export function matching(items, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return items
  return items.filter((item) => words.every((word) => item.search.includes(word)))
}

// rowsOf turns ordered items into rows: a folder once, before what it holds, and nothing of what a
// closed folder holds. isOpen is asked with a folder's key, "newsbot/prod/". Rows have level, setsize and
// posinset, as screen readers tell them.
export function rowsOf(items, isOpen) {
  const rows = []
  const above = [] // the folders that the current item is in
  const top = {children: []}
  for (const item of items) {
    const parts = [item.project, ...item.path.split('/')]
    let common = 0
    while (common < above.length && common < parts.length - 1 && above[common].label === parts[common]) common++
    above.length = common
    for (let i = common; i < parts.length - 1; i++) above.push(folder(parts, i, above[i - 1] ?? top, rows, isOpen))
    for (const f of above) f.count++
    const parent = above[above.length - 1]
    if (parent.shown) add(rows, parent, {key: item.project + '/' + item.path, label: parts[parts.length - 1], level: parts.length, item})
  }
  return rows
}

// folder opens a folder below its parent.
function folder(parts, depth, parent, rows, isOpen) {
  const key = parts.slice(0, depth + 1).join('/') + '/'
  const open = isOpen(key, depth)
  const visible = depth === 0 || parent.shown
  const row = {key, label: parts[depth], level: depth + 1, folder: true, open, shown: visible && open, count: 0, children: []}
  if (visible) add(rows, parent, row)
  return row
}

function add(rows, parent, row) {
  parent.children.push(row)
  row.parent = parent
  row.posinset = parent.children.length
  rows.push(row)
}
