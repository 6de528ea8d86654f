// Values made in the browser, of the system's randomness. The alphabets are those of the server.

const alphabets = {
  alphanumeric: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789',
  hex: '0123456789abcdef',
  base64url: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
  readable: 'abcdefghjkmnpqrstuvwxyz23456789',
  printable: '!#%&()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_abcdefghijklmnopqrstuvwxyz{|}~',
}

// Keys are random bytes in an encoding of the server's; their length counts bytes.
const encodings = {'key-base64': 'base64', 'key-base64url': 'base64url'}

export const names = [...Object.keys(alphabets), ...Object.keys(encodings)]

// wanted gives the members by which the server makes a value.
export function wanted(name, length) {
  return encodings[name] ? {encoding: encodings[name], bytes: length} : {alphabet: name, length}
}

// generate gives length characters, each as likely as any other: a byte that would favour some is
// thrown away.
export function generate(name, length) {
  if (encodings[name]) return key(encodings[name], length)
  const letters = alphabets[name]
  const fair = 256 - 256 % letters.length
  const random = new Uint8Array(256)
  let text = ''
  while (text.length < length) {
    crypto.getRandomValues(random)
    for (const byte of random) {
      if (byte < fair && text.length < length) text += letters[byte % letters.length]
    }
  }
  return text
}

// key gives length random bytes, padded as the server does.
function key(encoding, length) {
  const text = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(length))))
  return encoding === 'base64url' ? text.replaceAll('+', '-').replaceAll('/', '_') : text
}
