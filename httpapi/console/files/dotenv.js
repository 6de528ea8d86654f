// Parses a pasted .env file like myvault.ReadEnv in Go. Both are tested with testdata/dotenv.json.
// Variables are not expanded.

const escapes = {n: '\n', r: '\r', t: '\t', '\\': '\\', '"': '"', $: '$'}

// parse returns {entries: [{line, name, value}], errors: [{line, name, why}]}. why is a key of
// m.import.whys. name is '' if the line has none.
export function parse(text) {
  const lines = text.replace(/^\uFEFF/, '').split('\n').map((line) => line.replace(/\r+$/, ''))
  const entries = []
  const errors = []
  const seen = new Set()
  for (let i = 0; i < lines.length;) {
    const {name, value, why, length} = readEntry(lines, i)
    const line = i + 1
    i += length
    if (why) errors.push({line, name, why})
    else if (name && seen.has(name)) errors.push({line, name, why: 'twice'})
    else if (name) {
      seen.add(name)
      entries.push({line, name, value})
    }
  }
  return {entries, errors}
}

// readEntry reads the entry that starts at line i. length is its number of lines. name is '' for a
// blank line or a comment.
function readEntry(lines, i) {
  const found = {name: '', value: '', why: '', length: 1}
  const text = lines[i].replace(/^[ \t]+/, '')
  if (!text || text[0] === '#') return found
  if (!isPlainText(text)) return {...found, why: 'control'}
  const at = text.indexOf('=')
  if (at < 0) return {...found, why: 'form'}
  const name = trim(text.slice(0, at)).replace(/^export[ \t]+/, '')
  if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) return {...found, why: 'key'}
  const raw = text.slice(at + 1)
  const quoted = /^[ \t]*(["'])/.exec(raw)
  if (!quoted) return {...found, name, value: unquoted(raw)}
  const read = readQuoted(raw.slice(quoted[0].length), lines, i, quoted[1])
  return {...found, name, ...read}
}

// unquoted reads a value without quotes. # starts a comment only after a space or tab.
function unquoted(raw) {
  const at = raw.search(/[ \t]#/)
  return trim(at < 0 ? raw : raw.slice(0, at))
}

// readQuoted reads a value up to the closing quote, which may be on a later line. `line` is the
// rest of the first line after the opening quote.
function readQuoted(line, lines, first, quote) {
  let value = ''
  for (let n = first; ; value += '\n') {
    if (!isPlainText(line)) return {why: 'control'}
    for (let i = 0; i < line.length; i++) {
      if (line[i] === quote) {
        const rest = line.slice(i + 1)
        return trim(rest) && !/^[ \t]+#/.test(rest) ? {why: 'after'} : {value, length: n - first + 1}
      }
      if (line[i] === '\\' && quote === '"') {
        const escape = line[++i] ?? ''
        if (!Object.hasOwn(escapes, escape)) return {why: 'escape'}
        value += escapes[escape]
      } else value += line[i]
    }
    if (++n === lines.length) return {why: 'open'}
    line = lines[n]
  }
}

function trim(text) {
  return text.replace(/^[ \t]+|[ \t]+$/g, '')
}

// isPlainText reports whether a line has no control characters except tabs, and no lone surrogates.
function isPlainText(line) {
  return line.isWellFormed() && !/[\u0000-\u0008\u000A-\u001F\u007F]/.test(line)
}
