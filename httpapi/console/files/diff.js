// The difference of two texts, line by line.

const most = 1500 // lines of each; the table below has their product

// difference gives lines [sign, text]: ' ' in both, '-' only in the first, '+' only in the second.
export function difference(before, after) {
  const a = before.split('\n')
  const b = after.split('\n')
  if (a.length > most || b.length > most) return [...a.map((line) => ['-', line]), ...b.map((line) => ['+', line])]
  const width = b.length + 1
  const common = new Uint16Array((a.length + 1) * width) // length of the longest common run of lines from there on
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
