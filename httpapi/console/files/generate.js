// Generates values in the browser from the system's random source, with the server's alphabets.

const alphabets = {
  alphanumeric: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789',
  hex: '0123456789abcdef',
  base64url: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
  readable: 'abcdefghjkmnpqrstuvwxyz23456789',
  printable: '!#%&()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_abcdefghijklmnopqrstuvwxyz{|}~',
}

// Keys are random bytes in one of the server's encodings. Their length is in bytes.
const encodings = {'key-base64': 'base64', 'key-base64url': 'base64url'}

export const names = [...Object.keys(alphabets), ...Object.keys(encodings)]

// requestMembers returns the members of a request that make the server generate the value.
export function requestMembers(name, length) {
  return encodings[name] ? {encoding: encodings[name], bytes: length} : {alphabet: name, length}
}

// generate returns uniformly distributed characters. It discards random bytes that would favor some
// of them.
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

// key returns encoded random bytes with padding, like the server.
function key(encoding, length) {
  const text = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(length))))
  return encoding === 'base64url' ? text.replaceAll('+', '-').replaceAll('/', '_') : text
}
