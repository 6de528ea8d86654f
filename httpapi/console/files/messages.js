// Every text that people read, in one place. A second language is a second object of the same shape
// beside `english`, chosen by `pick`; texts with numbers or names are functions, because languages
// differ in plurals and order.

// names counts names; numbers come written as the language has them.
const names = (n) => n === '1' ? '1 name' : `${n} names`

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
    service: 'Service', serviceHint: 'A name of ALLOWED_SERVICES. A first run of the server writes one, with its token, to client.headers in its data directory.',
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
    total: (n, complete) => complete ? names(n) : `The first ${n} names; there are more`,
  },
  secret: {
    back: 'All secrets', version: 'Version', changed: 'Changed', by: 'By',
    copyName: 'Copy name', nameCopied: 'The name is in the clipboard.', rotate: 'New version', delete: 'Delete', whoReads: 'Who can read this?',
    deleteTitle: 'Delete this secret?', deleteText: (name) => `${name} moves to the trash. Whoever reads it gets “not found” from now on. You can bring it back.`,
    deleted: 'It is in the trash.', writeAnew: 'Write a new version',
    gone: {deleted: 'This secret is in the trash', destroyed: 'This secret was destroyed'},
    goneText: {deleted: 'Nobody can read it. Bring it back, or destroy it for good.', destroyed: 'Its values are gone for good; the history stays. A new version can be written.'},
  },
  create: {
    title: 'New secret', action: 'Create secret', project: 'Project', path: 'Path', pathExample: 'prod/db/password',
    pathHint: 'One to eight parts divided by slashes, by custom environment and name.',
  },
  editor: {
    title: 'New version', value: 'New value', save: 'Save version', saved: (n) => `Version ${n} is saved.`, show: 'Show what I type',
    empty: 'There is no value yet. Type, paste or generate one.', pasteHint: 'Type or paste it; several lines are fine.',
    size: (n, most) => `${n} of ${most} bytes`,
    generation: 'Generate a value', alphabet: 'Made of', length: 'Length', generate: 'Generate', generated: 'A value was generated. It is saved with the form.',
    byServer: 'Let the server make it; nobody sees it, this page neither',
    alphabets: {alphanumeric: 'Letters and digits', hex: 'Hexadecimal', base64url: 'Base64url', readable: 'Readable, lower case', printable: 'With punctuation'},
    times: 'Expiry and rotation', expires: 'Expires', rotate: 'Rotate after',
    lost: (n) => `Version ${n} was saved while you typed`, lostGone: 'It was deleted while you typed', lostBy: 'By',
    lostMine: 'Yours is still in the field above, and not saved.', theirs: (n) => `Their value, version ${n}:`,
    keepMine: 'Save mine as the next version', keepTheirs: 'Keep theirs, discard mine',
  },
  versions: {
    title: 'Versions', columns: ['Version', 'State', 'Written', 'By'], restore: 'Restore', restoreOne: (n) => `Restore version ${n}`,
    restored: (from, to) => `Version ${from} is current again, as version ${to}.`, destroy: 'Destroy', destroyOne: (n) => `Destroy version ${n}`,
    from: 'From', to: 'To', compare: 'Show difference', compareHint: 'Reads both values, which is two entries in the trail.',
    difference: 'Difference', gone: 'removed:', come: 'added:', newest: (n) => `The newest ${n} versions; there may be more`,
  },
  states: {live: 'live', deleted: 'deleted', destroyed: 'destroyed'},
  destroy: {
    title: 'Destroy every version?', text: 'The values are gone for good. No backup of this console, and no undelete, brings them back.',
    action: 'Destroy for good', done: 'It is destroyed.',
  },
  trash: {
    title: 'Trash', lead: 'Deleted secrets keep their versions until they are destroyed.', none: 'The trash is empty.', destroyed: 'Destroyed, nothing to restore',
    destroyedHint: 'Names and history stay. A new version can be written.', destroyedColumns: ['Name', 'Written', 'By'],
    columns: ['Name', 'State', 'Written', 'By', ''], restore: 'Undelete', destroy: 'Destroy', restored: 'It is back.',
    restoreOne: (name) => `Undelete ${name}`, destroyOne: (name) => `Destroy ${name}`,
  },
  projects: {
    title: 'Projects', new: 'Register a project', name: 'Name', description: 'Description', register: 'Register', registered: 'The project is registered.',
    columns: ['Name', 'Description', '', 'Since', 'By', ''], none: 'There is no project yet. Register one, or write a secret: its project comes with it.',
    default: 'default', describe: 'Describe', describeOne: (name) => `Describe ${name}`, described: 'The description is saved.', save: 'Save',
    makeDefault: 'Make default', makeDefaultOne: (name) => `Make default: ${name}`, isDefault: (name) => `${name} is the default now.`,
    delete: 'Delete', deleteOne: (name) => `Delete ${name}`, deleted: 'The project is deleted.',
    deleteText: 'Only a project without live secrets can be deleted. Its name stays free for another.',
  },
  import: {
    title: 'Import a .env', lead: 'Paste lines of KEY=VALUE. Nothing is written before you have seen what changes.',
    folder: 'Folder', folderHint: 'Where the keys go in the project, such as prod or staging/api.', text: 'Lines', preview: 'Preview changes',
    compare: 'Also compare with the current values (each is read, and on record)',
    bad: (lines) => `These lines are no KEY=VALUE, or a quote in them is not closed: ${lines}. Mend them and preview again.`,
    nothing: 'There is no KEY=VALUE in it yet.', planned: 'What changes', columns: ['Name', 'Change', 'Size'],
    kinds: {new: () => 'new', changed: (n) => `version ${n + 1}`, same: () => 'unchanged'}, size: (n) => `${n} bytes`,
    apply: (n) => n === 1 ? 'Write 1 secret' : `Write ${n} secrets`, done: (n) => n === 1 ? '1 secret is written.' : `${n} secrets are written.`,
    allSame: 'All values are as they are already. There is nothing to write.',
  },
  matrix: {
    title: 'Environments', project: 'Project', allProjects: 'All projects', level: 'The environment is', name: 'Name',
    levels: ['the project', 'the 1st part of the path', 'the 2nd part of the path', 'the 3rd part of the path'],
    age: 'Call it older after', days: (n) => n === 1 ? '1 day' : `${n} days`, any: 'any time', onlyGaps: 'Only rows with a gap',
    missing: 'missing', behind: 'older,', none: 'No name has such a part. Choose another level or project.',
    hint: 'Arrows move between cells; Enter opens the secret, or creates the missing one.',
    summary: (n, missing, behind, outside) => `${names(n)}, ${missing} missing, ${behind} older` + (outside === '0' ? '' : `; without such a part: ${names(outside)}`),
  },
  attention: {
    title: 'Attention', ahead: 'Look ahead', behind: 'Not read for', soon: 'soon', expired: 'expired', overdue: 'overdue',
    expiring: 'Expiring', noneExpiring: 'Nothing expires in this time.', expiryColumns: ['Name', 'Expires', '', 'Written by'],
    due: 'Due for rotation', noneDue: 'Nothing is due in this time.', dueColumns: ['Name', 'Rotate after', '', 'Written by'],
    unused: 'Unused', noneUnused: 'Every secret that you may audit was read in this time.', unusedColumns: ['Name', 'Last read', 'By', 'Reads are known since'],
    unusedHint: 'Not read in the chosen time. What the trail no longer has is not told as never.', never: 'not since it is known',
  },
  trail: {
    title: 'Trail', show: 'Show', any: 'any', older: 'Load older entries', none: 'No entry fits, or none that you may see. Widen the filter, or ask for an @audit rule.',
    fields: {project: 'Project', prefix: 'Path prefix', service: 'Service', action: 'Action', outcome: 'Outcome', since: 'Since', until: 'Until'},
    columns: ['When', 'Service', 'Action', 'Name', 'Version', 'Outcome', 'Count'], range: (first, last) => `v${first}–v${last}`, nobody: 'unknown', times: (n) => `${n} times`,
    outcomes: {ok: 'ok', begun: 'begun', denied: 'denied', unauthenticated: 'not signed in', not_found: 'not found', refused: 'refused', unknown: 'unknown', error: 'error'},
    chains: 'State of the chains', chainsHint: 'Keep these elsewhere: with them a later check proves that nothing was cut off.',
    chainColumns: ['Chain', 'Entries', 'Newest', 'MAC'], chainNames: {changes: 'Changes', access: 'Reads and refusals'},
  },
  access: {
    title: 'Access', lead: 'Who may do something with an address, and the rule that decides it.', ask: 'Ask', action: 'Action', other: 'Also ask about the service',
    actions: {read: 'read', write: 'write', delete: 'delete', list: 'list', destroy: 'destroy', audit: 'audit'},
    answer: (action, name, n) => n === 0 ? `Nobody may ${action} ${name}` : n === 1 ? `1 service may ${action} ${name}` : `${n} services may ${action} ${name}`,
    columns: ['Service', 'Decision', 'Deciding rule', 'Why'], allowed: 'allowed', denied: 'denied', noRule: 'none',
  },
  health: {
    title: 'Health', lead: 'What this page gets when it asks now.', again: 'Check again', good: 'works', bad: 'fails', took: (ms) => `${ms} ms`,
    store: 'Store', ready: 'Server', identity: 'Identity', api: 'API', trail: 'Trail', is: {healthy: 'The store answers.', unhealthy: 'The store does not answer.', ready: 'Ready for requests.'},
    known: (name) => `You are ${name}.`, provider: (store) => `The secrets are kept in ${m.health.stores[store] ?? store}.`,
    stores: {sqlite: 'the local store (sqlite)', hashivault: 'HashiCorp Vault (hashivault)', memory: 'memory, until the server stops (memory)'},
    version: (n) => `Version ${n}.`, chains: (list) => `Entries: ${list}.`,
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
    clipboard: {what: 'The browser does not let this page copy.', todo: 'Allow it for this site, or reveal the value and copy it by hand.'},
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
