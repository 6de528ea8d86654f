// Values made in the browser, of the system's randomness. The alphabets are those of the server.

const alphabets = {
  alphanumeric: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789',
  hex: '0123456789abcdef',
  base64url: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
  readable: 'abcdefghjkmnpqrstuvwxyz23456789',
  printable: '!#%&()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_abcdefghijklmnopqrstuvwxyz{|}~',
}

export const names = Object.keys(alphabets)

// generate gives length characters, each as likely as any other: a byte that would favour some is
// thrown away.
export function generate(name, length) {
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
