// Package hashivault keeps secrets in the KV version 2 engine of a HashiCorp Vault, so that a vault
// goes past one machine: sessions, policy and HTTP API stay the same, and Vault's
// raft cluster stores and fails over.
//
//	store, err := hashivault.Open(ctx, hashivault.Config{
//		Addresses: []string{"https://vault-1:8200", "https://vault-2:8200", "https://vault-3:8200"},
//		AppRole:   &hashivault.AppRole{RoleID: id, SecretID: myvault.Text(secret)},
//	})
//	if err != nil { ... }
//	trail, err := sqlite.OpenTrail(ctx, dir, keys)
//	if err != nil { ... }
//	vault, err := myvault.New(store, policy, myvault.Config{Trail: trail})
//
// # What stands in Vault
//
// Below the mount and the base path ("secret" and "myvault", unless Config says otherwise):
//
//	secrets/{project}/{path}   one KV secret per address; its versions are the secret's versions
//	projects/{project}         what is registered of a project
//	default                    which project is the default one
//	store                      the layout's number, and the incarnation
//
// A version's data is {"value":"...","by":{"commonUI":""},"at":{"2026-11-23T15:04:05.123456Z":""}},
// with "base64" in place of "value" for a value that is no text, "expires" and "rotate_after" where
// they are set, "change", by which a write is known again, and "key", which names the record.
// Everything but the value is in keys, because Vault returns keys without values: listings move no
// secret. Deleting, undeleting and destroying are Vault's own. Of versions that cannot be read,
// author and times are noted in the custom metadata.
//
// # Records name their key
//
// Vault's answers don't repeat what was asked. If a proxy mixes up the answers on a connection,
// nothing but the record itself shows it. So each record has a "key",
// {"INCARNATION/secrets/newsbot/prod/db":""}: the incarnation of the store, and the path below the
// base. The custom metadata of the KV secret has the same as "myvault_key", or "sha256:" and a
// digest if it has over 512 bytes, for answers without data. An answer that names another record is
// myvault.ErrTampered, whose text shows nothing of it.
//
// A write is acknowledged if the answer names its key and a version that none of this process's
// earlier writes made; otherwise the version is read, and "change" is compared. (The answer to
// another process's write of the same secret cannot be distinguished.) That costs two more requests
// for the first write of a key, which has no custom metadata before. Vault's answer to a deletion,
// undeletion or destruction is empty, so the state is read afterwards. An answer that nothing is
// there, the list of a folder and the answer to a log-in name no record. Every name in a list is
// asked for, so a list of another folder shows nothing, but may be incomplete.
//
// The layout's number is 2 since records have names. A store of layout 1 keeps working: its records
// are read without a name, and get one at the next write. Only a store of layout 2 refuses records
// without a name; to get one, copy the store with myvault.Copy to another base path. Versions of
// this package from before can't open a store of layout 2 (ErrNewer).
//
// # What Vault needs
//
// The mount has to keep versions: Vault forgets all but ten unless told otherwise.
//
//	vault secrets enable -path=secret -version=2 kv
//	vault write secret/config max_versions=1000
//
// The token's policy:
//
//	path "secret/data/myvault/*"     { capabilities = ["create", "read", "update", "patch"] }
//	path "secret/subkeys/myvault/*"  { capabilities = ["read"] }
//	path "secret/metadata/myvault/*" { capabilities = ["read", "list", "patch"] }
//	path "secret/delete/myvault/*"   { capabilities = ["update"] }
//	path "secret/undelete/myvault/*" { capabilities = ["update"] }
//	path "secret/destroy/myvault/*"  { capabilities = ["update"] }
//	path "secret/config"             { capabilities = ["read"] }
//
// The right to patch data is the only one that can be left out: it spares the look before a Put with
// IfVersion, of a version that this process read or wrote in the last minute. Needed is also
// Vault's policy "default", which lets a token look itself up, renew itself and ask for its rights.
// Nobody else should have rights there: who may write below the base path is above myVault's policy. Who
// puts an older state of Vault in place stops every myVault over it for that time: such a Put relies on
// a version never holding anything else.
//
// # What is weaker than in providers/sqlite
//
// Vault has no transactions. Several changes in one commit are errors.ErrUnsupported, and the trail is a
// store of its own. Among the callers of one process everything is exact; between processes:
//
//   - of two deletions of one secret at the same time, or two undeletions, both may be told that they
//     made it;
//   - a Delete or Undelete whose answer is lost is looked for once and never sent again, and may be told
//     as done by another's of the same kind, or as unknown when it was made and another process undid it;
//     one that is still on its way when it is told as unknown can undo what came in between;
//   - a Put on a condition that runs beside a deletion may be made after it, as if it had come before,
//     unless it is one that patches;
//   - a Delete or Undelete may be reported as unknown although it was made, if another process
//     undid it at once;
//   - a register near its limit may take one project too many for each process;
//   - notes of author and time of two versions that are deleted at the same time may overwrite each other.
//
// A crash of the process inside a deletion may leave author and time of the deleted version unknown until it is
// undeleted. Of versions that cannot be read any more, those of the newest few hundred are kept.
// Once a secret has more versions than the mount keeps, the oldest are gone, and Versions
// tells them as destroyed. A project that a program is deleting still counts as registered; if
// it crashes meanwhile, the project stays. So does, empty, a project whose first Put fails after it was
// registered. No order of events leaves a live secret in a project that is not registered, with two exceptions: a crash in the
// instant between a write that took over half a second and the look at the register that follows it, and a Put
// that was told as unknown and arrives as another process deletes its project. The next Put in that project repairs it.
//
// # When Vault does not answer
//
// Reads are tried on each node. A change goes to another node only when none can have seen it;
// else it is looked up whether it was made, for up to ten seconds, and only a Put on a condition, a
// destruction and a note are sent again. What cannot be found out, and a Delete or Undelete that is not
// seen to be there, is myvault.ErrUnknownOutcome: look at the secret before asking again. All else is myvault.ErrUnavailable, with the reason where
// it is one of this package's errors. The store recovers by itself.
package hashivault
