// All texts of the console. A translation is an object of the same shape as `english`, listed in
// `languages`. Texts with numbers or names are functions, because plurals and word order differ
// between languages.

// names returns a count of names. n is already formatted.
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
    title: 'Sign in', lead: 'The myVault console. Sign in as a service of the policy.',
    service: 'Service', serviceHint: 'A name from ALLOWED_SERVICES. On its first run, the server writes a service and its token to client.headers in the data directory.',
    token: 'Token', tokenHint: 'A token from TOKEN_<service>.', action: 'Sign in',
    memory: 'Only the memory of this page holds the token. Reload the page or sign out to clear it.',
    again: 'Sign in again', againText: 'The server no longer accepts this token. Your input is still here. Sign in to continue.',
    same: 'The service that you were signed in as.',
    malformed: 'service and token must be printable ASCII without spaces; copy them again',
  },
  leave: {title: 'Leave without saving?', text: 'You have unsaved input. It is lost if you leave.', action: 'Leave without saving'},
  dialog: {cancel: 'Cancel', typeName: 'Type the name above to confirm'},
  secrets: {
    title: 'Secrets', tree: 'Names', chosen: 'The chosen secret', create: 'New secret', refresh: 'Refresh',
    filter: 'Filter names', filterHint: 'Filter names',
    nothingChosen: 'Choose a secret to see its details. Values stay hidden until you reveal them.',
    none: 'There are no secrets that you may list. Create the first one, or ask for a rule.',
    noMatch: 'No name contains all of these words. Use fewer words.',
    loaded: (n) => `${n} names loaded …`,
    found: (n, all) => `${n} of ${all} names`,
    total: (n, complete) => complete ? names(n) : `The first ${n} names; there are more`,
  },
  secret: {
    back: 'All secrets', version: 'Version', changed: 'Changed', by: 'By',
    changedElsewhere: 'Changed elsewhere.', showChange: 'Show the change', vault: 'For Vault’s clients',
    copyName: 'Copy name', nameCopied: 'The name was copied.', rotate: 'New version', delete: 'Delete', whoReads: 'Who can read this?',
    deleteTitle: 'Delete this secret?', deleteText: (name) => `${name} moves to the trash. Reads then return “not found”. You can undelete it.`,
    deleted: 'The secret is in the trash.', recreate: 'Write a new version',
    notLive: {deleted: 'This secret is in the trash', destroyed: 'This secret was destroyed'},
    notLiveText: {deleted: 'It cannot be read. Undelete it, or destroy it permanently.', destroyed: 'Its values cannot be restored. The history remains, and you can write a new version.'},
  },
  create: {
    title: 'New secret', action: 'Create secret', project: 'Project', path: 'Path', pathExample: 'prod/db/password',
    pathHint: 'One to eight parts separated by slashes, usually environment and name.',
  },
  editor: {
    title: 'New version', value: 'New value', save: 'Save version', saved: (n) => `Version ${n} is saved.`, show: 'Show what I type',
    empty: 'There is no value yet. Type, paste or generate one.', pasteHint: 'Type or paste a value. It may have several lines.',
    size: (n, most) => `${n} of ${most} bytes`,
    generation: 'Generate a value', alphabet: 'Format', length: 'Length', generate: 'Generate', generated: 'A value was generated. Save the form to store it.',
    byServer: 'Generate on the server, without showing the value here',
    alphabets: {alphanumeric: 'Letters and digits', hex: 'Hexadecimal', base64url: 'Base64url', readable: 'Readable, lower case', printable: 'With punctuation', 'key-base64': 'Key bytes as base64', 'key-base64url': 'Key bytes as base64url'},
    times: 'Expiry and rotation', expires: 'Expires', rotate: 'Rotate after',
    conflict: (n) => `Version ${n} was saved while you typed`, conflictDeleted: 'The secret was deleted while you typed', conflictBy: 'By',
    conflictMine: 'Your value is still in the field above. It is not saved.', theirs: (n) => `Their value, version ${n}:`,
    keepMine: 'Save mine as the next version', keepTheirs: 'Keep theirs, discard mine',
  },
  versions: {
    title: 'Versions', columns: ['Version', 'State', 'Written', 'By'], restore: 'Restore', restoreOne: (n) => `Restore version ${n}`,
    restored: (from, to) => `Version ${from} is current again, as version ${to}.`, destroy: 'Destroy', destroyOne: (n) => `Destroy version ${n}`,
    from: 'From', to: 'To', compare: 'Show difference', compareHint: 'This reads both values and adds two entries to the trail.',
    difference: 'Difference', removed: 'removed:', added: 'added:', newest: (n) => `The newest ${n} versions. There may be more.`,
  },
  states: {live: 'live', deleted: 'deleted', destroyed: 'destroyed'},
  destroy: {
    title: 'Destroy all versions?', text: 'This destroys values permanently. Undelete cannot restore them.',
    action: 'Destroy permanently', done: 'Destroyed permanently.',
  },
  trash: {
    title: 'Trash', lead: 'Deleted secrets keep their versions until they are destroyed.', none: 'The trash is empty.', destroyed: 'Destroyed secrets',
    destroyedHint: 'Names and history remain. You can write a new version.', destroyedColumns: ['Name', 'Written', 'By'],
    columns: ['Name', 'State', 'Written', 'By', ''], restore: 'Undelete', destroy: 'Destroy', restored: 'The secret is restored.',
    restoreOne: (name) => `Undelete ${name}`, destroyOne: (name) => `Destroy ${name}`,
  },
  projects: {
    title: 'Projects', new: 'Register a project', name: 'Name', description: 'Description', register: 'Register', registered: 'The project is registered.',
    columns: ['Name', 'Description', '', 'Since', 'By', ''], none: 'There are no projects yet. Register one, or create a secret, which registers its project.',
    default: 'default', describe: 'Describe', describeOne: (name) => `Describe ${name}`, described: 'The description is saved.', save: 'Save',
    makeDefault: 'Make default', makeDefaultOne: (name) => `Make default: ${name}`, isDefault: (name) => `${name} is now the default.`,
    delete: 'Delete', deleteOne: (name) => `Delete ${name}`, deleted: 'The project is deleted.',
    deleteText: 'You can only delete a project without live secrets. Its name can be used again.',
  },
  import: {
    title: 'Import a .env', lead: 'Paste lines of KEY=VALUE. Nothing is written until you have seen the changes.',
    folder: 'Folder', folderHint: 'The folder in the project, such as prod or staging/api.', text: 'Lines', preview: 'Preview changes',
    compare: 'Compare with the current values (reads each value and records the read)',
    bad: 'These lines are invalid. Correct them and preview again. Nothing was written.',
    line: (n, name, why) => name ? `line ${n}, ${name}: ${why}` : `line ${n}: ${why}`,
    whys: {
      form: 'not KEY=VALUE', key: 'a key has only letters, digits, _, - and ., and starts with a letter or _', control: 'the line has a control character',
      open: 'the quote is not closed', after: 'there is text after the closing quote', twice: 'the key appears twice',
      escape: 'in double quotes, a backslash must be followed by n, r, t, \\, " or $; single quotes keep it as it is',
      empty: 'the value is empty; it needs at least 1 byte', large: 'the value is larger than 512 KiB', long: 'the name is longer than 128 bytes',
    },
    skipped: (n) => n === 1 ? '1 line cannot be written and is skipped. The table shows why.' : `${n} lines cannot be written and are skipped. The table shows why.`,
    nothing: 'There are no lines of KEY=VALUE yet.', planned: 'Changes', columns: ['Name', 'Change', 'Size'],
    kinds: {new: () => 'new', changed: (n) => `version ${n + 1}`, same: () => 'unchanged', bad: () => 'not written'}, size: (n) => `${n} bytes`,
    apply: (n) => n === 1 ? 'Write 1 secret' : `Write ${n} secrets`, done: (n) => n === 1 ? '1 secret is written.' : `${n} secrets are written.`,
    allSame: 'All values are unchanged. There is nothing to write.',
  },
  matrix: {
    title: 'Environments', project: 'Project', allProjects: 'All projects', level: 'The environment is', name: 'Name',
    levels: ['the project', 'the 1st part of the path', 'the 2nd part of the path', 'the 3rd part of the path'],
    age: 'Mark as older after', days: (n) => n === 1 ? '1 day' : `${n} days`, any: 'any time', onlyGaps: 'Only rows with a gap',
    missing: 'missing', older: 'older,', none: 'No name has this part. Choose another part or project.',
    hint: 'Arrow keys move between cells. Enter opens the secret, or creates a missing one.',
    summary: (n, missing, older, outside) => `${names(n)}, ${missing} missing, ${older} older` + (outside === '0' ? '' : `; without this part: ${names(outside)}`),
  },
  attention: {
    title: 'Attention', ahead: 'Look ahead', behind: 'Not read for', soon: 'soon', expired: 'expired', overdue: 'overdue',
    expiring: 'Expiring', noneExpiring: 'Nothing expires in this period.', expiryColumns: ['Name', 'Expires', '', 'Written by'],
    due: 'Due for rotation', noneDue: 'Nothing is due in this period.', dueColumns: ['Name', 'Rotate after', '', 'Written by'],
    unused: 'Unused', noneUnused: 'Every secret that you may audit was read in this period.', unusedColumns: ['Name', 'Last read', 'By', 'Reads recorded since'],
    unusedHint: 'Secrets without a read in the chosen period. The trail may no longer have older reads.', never: 'no recorded read',
  },
  trail: {
    title: 'Trail', show: 'Show', any: 'any', older: 'Load older entries', none: 'No matching entries that you may see. Widen the filter, or ask for an @audit rule.',
    fields: {project: 'Project', prefix: 'Path prefix', service: 'Service', action: 'Action', outcome: 'Outcome', since: 'Since', until: 'Until'},
    columns: ['When', 'Service', 'Action', 'Name', 'Version', 'Outcome', 'Count'], range: (first, last) => `v${first}–v${last}`, unknownService: 'unknown', times: (n) => `${n} times`,
    outcomes: {ok: 'ok', begun: 'begun', denied: 'denied', unauthenticated: 'not signed in', not_found: 'not found', refused: 'refused', unknown: 'unknown', error: 'error'},
    chains: 'Heads of the chains', chainsHint: 'Keep copies elsewhere. With them, a later check can prove that no entries were cut off.',
    chainColumns: ['Chain', 'Entries', 'Newest', 'MAC'], chainNames: {changes: 'Changes', access: 'Reads and refusals'},
  },
  access: {
    title: 'Access', lead: 'Shows which services may act on an address, and the deciding rule.', ask: 'Show', action: 'Action', other: 'Also check the service',
    actions: {read: 'read', write: 'write', delete: 'delete', list: 'list', destroy: 'destroy', audit: 'audit'},
    answer: (action, name, n) => n === 0 ? `No service may ${action} ${name}` : n === 1 ? `1 service may ${action} ${name}` : `${n} services may ${action} ${name}`,
    columns: ['Service', 'Decision', 'Deciding rule', 'Why'], allowed: 'allowed', denied: 'denied', noRule: 'none',
  },
  health: {
    title: 'Health', lead: 'Results of checks that this page just made.', again: 'Check again', good: 'works', bad: 'fails', took: (ms) => `${ms} ms`,
    store: 'Store', ready: 'Server', identity: 'Identity', api: 'API', trail: 'Trail', is: {healthy: 'The store is available.', unhealthy: 'The store is not available.', ready: 'Ready for requests.'},
    known: (name) => `You are ${name}.`, provider: (store) => `The secrets are stored in ${m.health.stores[store] ?? store}.`,
    stores: {sqlite: 'the local store (sqlite)', hashivault: 'HashiCorp Vault (hashivault)', memory: 'memory and are lost when the server stops (memory)'},
    version: (n) => `Version ${n}.`, chains: (list) => `Entries: ${list}.`,
  },
  value: {
    label: 'Value', reveal: 'Reveal', hide: 'Hide', copy: 'Copy', keep: 'Keep showing', format: 'Formatted',
    isHidden: 'The value is hidden.', hidden: 'The value is hidden again.', copied: 'The value was copied.',
    hidesIn: (s) => `Hidden again in ${s} s`,
    binary: 'These bytes are not text. They are shown as base64.',
    size: (n, lines) => `${n} bytes` + (lines > 1 ? `, ${lines} lines` : ''),
  },
  me: {
    title: 'What you may do', lead: 'You are', allow: 'Allowed', deny: 'Denied, even if allowed above',
    nothing: 'Nothing. Ask the operator for an ALLOW_ rule.', noDeny: 'Nothing.',
    notation: 'Rules have the syntax of the .env file. Without an @, a rule allows read, write, delete and list, or denies all actions.',
  },
  errors: {
    server: 'The server says:',
    bug: {what: 'The console failed.', todo: 'The failure changed nothing. Reload the page, and report it if it happens again.'},
    clipboard: {what: 'The browser did not allow copying.', todo: 'Allow it for this site, or reveal the value and copy it yourself.'},
    other: {what: 'The server rejected the request.', todo: 'See its message below.'},
    0: {what: 'The server did not respond.', todo: 'Check that the server is running and can be reached, then try again. If you sent a change, first check whether it was made.'},
    400: {what: 'The request is malformed.', todo: 'Correct the name or the input, then try again.'},
    401: {what: 'Wrong service or token.', todo: 'Check both, and copy the token again.'},
    403: {what: 'The policy does not allow this.', todo: 'Ask the operator for a rule, or see “What you may do”.'},
    404: {what: 'Not found.', todo: 'It may have been deleted or renamed. Refresh the list, or look in the trash.'},
    409: {what: 'It already exists, or was changed in the meantime.', todo: 'Check its current state before you try again.'},
    410: {what: 'This value was destroyed.', todo: 'It cannot be restored. Save a new version instead.'},
    412: {what: 'It was changed in the meantime.', todo: 'Check its current state before you try again.'},
    413: {what: 'The request is too large.', todo: 'A value can have up to 512 KiB.'},
    421: {what: 'This server does not accept the host name in the address bar.', todo: 'Use an allowed host name, or have this one added to MYVAULT_HOSTS.'},
    422: {what: 'The server could not process the input.', todo: 'Correct it as described below, then try again.'},
    429: {what: 'Too many failed attempts.', todo: 'Wait a minute. A correct token is accepted at once.'},
    500: {what: 'The server failed.', todo: 'Try again. If it fails again, ask the operator to check the log.'},
    501: {what: 'The store of this server does not support this.', todo: 'Ask the operator for a store that does.'},
    503: {what: 'The store or the trail is not available.', todo: 'Try again in a moment.'},
  },
}

const languages = {en: english}

// pickLanguage returns the first available language of the browser's preferences.
function pickLanguage(wanted) {
  const found = wanted.map((tag) => tag.split('-')[0]).find((tag) => languages[tag])
  return found ?? 'en'
}

const language = pickLanguage(navigator.languages)
export const m = languages[language]
// locale formats times and numbers: the browser's regional variant of the language of the texts.
export const locale = navigator.languages.find((tag) => tag.startsWith(language)) ?? language
