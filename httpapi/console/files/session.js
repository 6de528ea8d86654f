// The current service and its token. The token is only in the memory of this module: not in
// storage, a cookie or the address. A reload clears it.

let identity = null
let askAgain = null // asks the user to sign in again
let asking = null // the pending promise of askAgain, shared by all failed requests

export function service() {
  return identity?.service ?? ''
}

export function signIn(name, token, rights) {
  identity = {service: name, token, vaultAPI: rights.vault_api ?? false}
}

// vaultAPI reports whether the server also answers the clients of HashiCorp Vault.
export function vaultAPI() {
  return identity?.vaultAPI ?? false
}

// signOut clears the identity and reloads the page, which also frees all values in its memory.
export function signOut() {
  identity = null
  document.getElementById('app').replaceChildren()
  history.replaceState(null, '', '#/')
  location.reload()
}

// headers returns the identity headers of a request, or none before sign-in.
export function headers() {
  return identity ? {'X-Service': identity.service, 'X-Token': identity.token} : {}
}

export function onExpired(ask) {
  askAgain = ask
}

// renew asks the user to sign in again after status 401, and resolves to whether that succeeded.
// The screen and its input stay as they are.
export function renew() {
  if (!identity || !askAgain) return Promise.resolve(false)
  asking ??= askAgain(identity.service).finally(() => { asking = null })
  return asking
}
