// Who is signed in. The token lives in this module's memory and nowhere else: not in storage, not in
// a cookie, not in the address. A reload forgets it.

let identity = null
let askAgain = null // asks who is at the screen to sign in again; set by the shell
let asking = null // the question that is open: all requests that failed wait for one answer

export function service() {
  return identity?.service ?? ''
}

export function signIn(name, token) {
  identity = {service: name, token}
}

// signOut forgets the identity, and loads the page anew: what it held of values is gone with its
// memory, not only out of sight.
export function signOut() {
  identity = null
  document.getElementById('app').replaceChildren()
  history.replaceState(null, '', '#/')
  location.reload()
}

// headers gives the two headers of a request; none where nobody is signed in.
export function headers() {
  return identity ? {'X-Service': identity.service, 'X-Token': identity.token} : {}
}

export function onExpired(ask) {
  askAgain = ask
}

// renew asks for a valid identity after a request was refused, and reports whether there is one. The
// views stay as they are meanwhile, with what was typed.
export function renew() {
  if (!identity || !askAgain) return Promise.resolve(false)
  asking ??= askAgain(identity.service).finally(() => { asking = null })
  return asking
}
