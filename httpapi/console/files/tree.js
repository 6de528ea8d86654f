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
  const top = {size: 0, shown: true}
  for (const item of items) {
    const {parts} = item
    const last = parts.length - 1
    let common = 0
    while (common < above.length && common < last && above[common].label === parts[common]) common++
    above.length = common
    for (let i = common; i < last; i++) above.push(folder(parts, i, above[i - 1] ?? top, rows, isOpen))
    for (const f of above) f.count++
    const parent = above[last - 1]
    if (parent.shown) rows.push({key: item.name, label: parts[last], level: parts.length, item, parent, posinset: ++parent.size})
  }
  return rows
}

// folder opens a folder below its parent. `size` counts what it holds at once, `count` all names in it.
function folder(parts, depth, parent, rows, isOpen) {
  const key = parts.slice(0, depth + 1).join('/') + '/'
  const open = parent.shown && isOpen(key, depth)
  const row = {key, label: parts[depth], level: depth + 1, folder: true, open, shown: open, count: 0, size: 0, parent, posinset: 0}
  if (parent.shown) {
    row.posinset = ++parent.size
    rows.push(row)
  }
  return row
}
