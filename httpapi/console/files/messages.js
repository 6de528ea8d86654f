// Every text that people read, in one place. A second language is a second object of the same shape
// beside `english`, chosen by `pick`; texts with numbers or names are functions, because languages
// differ in plurals and order.

const english = {
  loading: 'Loading …',
  version: (n) => `v${n}`,
  nav: {
    label: 'Sections', skip: 'Skip to content', signedInAs: 'Signed in as ', signOut: 'Sign out',
    secrets: 'Secrets', matrix: 'Environments', import: 'Import', trash: 'Trash', projects: 'Projects', attention: 'Attention',
    trail: 'Trail', access: 'Access', health: 'Health',
  },
  signIn: {
    title: 'Sign in', lead: 'The console of myVault. Sign in as a service of its policy.',
    service: 'Service', serviceHint: 'As it stands in ALLOWED_SERVICES.',
    token: 'Token', tokenHint: 'One of TOKEN_<service>.', action: 'Sign in',
    memory: 'The token stays in the memory of this page. Reloading or signing out forgets it.',
    again: 'Sign in again', againText: 'The server no longer accepts this identity. What you typed is still here; sign in to go on.',
    same: 'The service that you were signed in as.',
    unfit: 'service and token are ASCII without blanks; copy them again',
  },
  leave: {title: 'Leave without saving?', text: 'What you typed is not saved. It is lost if you leave.', action: 'Leave without saving'},
  dialog: {cancel: 'Cancel', typeName: 'Type the name above to confirm'},
  secrets: {
    title: 'Secrets', tree: 'Names', chosen: 'The chosen secret', create: 'New secret', refresh: 'Refresh',
    filter: 'Filter names', filterHint: 'Filter names',
    nothingChosen: 'Choose a secret to see what is known of it. Values stay hidden until you reveal one.',
    none: 'There is no secret here that you may list. Create the first one, or ask for a rule.',
    noMatch: 'No name has all of these words. Shorten the filter.',
    loaded: (n) => `${n} names so far …`,
    found: (n, all) => `${n} of ${all} names`,
    total: (n, complete) => complete ? (n === '1' ? '1 name' : `${n} names`) : `The first ${n} names; there are more`,
  },
  secret: {
    back: 'All secrets', version: 'Version', changed: 'Changed', by: 'By',
    copyName: 'Copy name', nameCopied: 'The name is in the clipboard.',
  },
  value: {
    label: 'Value', reveal: 'Reveal', hide: 'Hide', copy: 'Copy', keep: 'Keep showing', format: 'Formatted',
    isHidden: 'The value is hidden.', hidden: 'The value is hidden again.', copied: 'The value is in the clipboard.',
    hidesIn: (s) => `Hides itself in ${s} s`,
    binary: 'These are bytes that are no text, shown as base64.',
    size: (n, lines) => `${n} bytes` + (lines > 1 ? `, ${lines} lines` : ''),
  },
  me: {
    title: 'What you may do', lead: 'You are', allow: 'Allowed', deny: 'Denied, whatever is allowed',
    nothing: 'Nothing. Ask the operator for an ALLOW_ rule.', noDeny: 'Nothing.',
    notation: 'Rules are written as in the .env. Without an @, a rule allows read, write, delete and list.',
  },
  errors: {
    server: 'The server says:',
    bug: {what: 'The console failed.', todo: 'Nothing was changed by that. Reload the page, and report it if it happens again.'},
    other: {what: 'The request was refused.', todo: 'Read what the server says below.'},
    0: {what: 'There was no answer.', todo: 'See whether the server runs and the network is there, then try again. Read before repeating a change: it may have happened.'},
    400: {what: 'Something in it is malformed.', todo: 'Mend the name or the input, then try again.'},
    401: {what: 'Service or token is wrong.', todo: 'Check both, and copy the token again.'},
    403: {what: 'The policy does not allow this.', todo: 'Ask the operator for a rule, or see “What you may do”.'},
    404: {what: 'It is not there.', todo: 'It may have been deleted or renamed. Refresh the list, or look into the trash.'},
    409: {what: 'It exists already, or was changed meanwhile.', todo: 'Look at it, then decide.'},
    410: {what: 'This value was destroyed.', todo: 'It cannot come back. Save a new version instead.'},
    412: {what: 'It was changed meanwhile.', todo: 'Look at it, then decide.'},
    413: {what: 'It is too large.', todo: 'A value has up to 512 KiB.'},
    421: {what: 'This server does not know the name in the address bar.', todo: 'Open it by an allowed name, or have the name added to MYVAULT_HOSTS.'},
    422: {what: 'The server could not use this.', todo: 'Mend what it says below, then try again.'},
    429: {what: 'Too many failed attempts.', todo: 'Wait a minute. A right token passes at once.'},
    500: {what: 'The server failed.', todo: 'Try again; if it stays so, its operator must look at the log.'},
    501: {what: 'The store behind this server cannot do this.', todo: 'Ask the operator for one that can.'},
    503: {what: 'The store or the trail does not answer.', todo: 'Try again in a moment.'},
  },
}

const languages = {en: english}

// pick gives the first language that the browser wants and that there is.
function pick(wanted) {
  const found = wanted.map((tag) => tag.split('-')[0]).find((tag) => languages[tag])
  return found ?? 'en'
}

export const language = pick(navigator.languages)
export const m = languages[language]
// Times and numbers follow the language of the texts, in the browser's own variety of it.
export const locale = navigator.languages.find((tag) => tag.startsWith(language)) ?? language
