// Builds the rows of a tree from ordered names in one pass, without nodes. This is fast enough to
// filter ten thousand names at each keystroke.

// matching returns the items that contain every word of the text.
export function matching(items, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return items
  return items.filter((item) => words.every((word) => item.search.includes(word)))
}

// rowsOf returns the rows of ordered items. A folder precedes its content, and the content of
// closed folders is omitted. isOpen gets the key of a folder, such as "newsbot/prod/", and its
// depth. level, parent.size and posinset are for ARIA attributes.
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

// folder returns the row of a folder. `size` is the number of its children, `count` that of all
// names in it.
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
