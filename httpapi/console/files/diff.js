// The difference between two texts, line by line.

const maxLines = 1500 // of each text; the table of common lines has their product

// difference returns [sign, text] pairs: ' ' for lines of both texts, '-' and '+' for lines only in
// the first or the second. Longer texts are shown as fully replaced.
export function difference(before, after) {
  const a = before.split('\n')
  const b = after.split('\n')
  if (a.length > maxLines || b.length > maxLines) return [...a.map((line) => ['-', line]), ...b.map((line) => ['+', line])]
  const width = b.length + 1
  const common = new Uint16Array((a.length + 1) * width) // longest common subsequence from (i, j) on
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] = a[i] === b[j] ? common[(i + 1) * width + j + 1] + 1 : Math.max(common[(i + 1) * width + j], common[i * width + j + 1])
    }
  }
  const lines = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) lines.push([' ', a[i++], j++])
    else if (i < a.length && (j === b.length || common[(i + 1) * width + j] >= common[i * width + j + 1])) lines.push(['-', a[i++]])
    else lines.push(['+', b[j++]])
  }
  return lines
}
