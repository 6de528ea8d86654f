// Reading a pasted .env: KEY=VALUE lines, with comments, single and double quotes, and values over
// several lines in quotes. Nothing is expanded.

const entry = /^\s*(?:export\s+)?([^\s=#'"]+)\s*=[^\S\n]*("(?:\\.|[^"\\])*"|'[^']*'|[^\n]*?)[^\S\n]*(?:#[^\n]*)?(?:\n|$)/

// parse gives {entries: [{name, value}], errors: [line numbers]}.
export function parse(text) {
  const entries = []
  const errors = []
  let rest = text.replaceAll('\r\n', '\n')
  let line = 1
  while (rest) {
    const blank = /^[^\S\n]*(?:#[^\n]*)?(?:\n|$)/.exec(rest)
    const found = blank ?? entry.exec(rest)
    const taken = (found?.[0] || /^[^\n]*\n?/.exec(rest)[0]) || rest
    if (!found || !blank && !wellQuoted(found[2])) errors.push(line)
    else if (!blank) entries.push({name: found[1], value: unquoted(found[2])})
    line += taken.split('\n').length - 1
    rest = rest.slice(taken.length)
  }
  return {entries, errors}
}

// wellQuoted is false for a quote that is opened and not closed.
function wellQuoted(raw) {
  return !/^["']/.test(raw) || raw.length > 1 && raw.endsWith(raw[0])
}

function unquoted(raw) {
  if (raw.startsWith("'")) return raw.slice(1, -1)
  if (!raw.startsWith('"')) return raw.replace(/\s+#.*$/, '').trimEnd()
  const escapes = {n: '\n', r: '\r', t: '\t'}
  return raw.slice(1, -1).replace(/\\(.)/gs, (_, c) => escapes[c] ?? c)
}
