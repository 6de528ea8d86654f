// Package hashivault keeps secrets in the KV version 2 engine of a HashiCorp Vault. It lets a
// vault run on more than one machine: sessions, policy and HTTP API stay the same, and Vault's
// raft cluster provides storage and failover.
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
// # What is stored in Vault
//
// Below the mount and the base path ("secret" and "myvault" by default):
//
//	secrets/{project}/{path}   one KV secret per address; its versions are the secret's versions
//	projects/{project}         the registration of a project
//	default                    which project is the default one
//	store                      the layout's number, and the incarnation
//
// The data of a version is
// {"value":"...","by":{"commonUI":""},"at":{"2026-11-23T15:04:05.123456Z":""}}. "base64" is in
// place of "value" if the value is not text. "expires" and "rotate_after" are optional.
// "change" identifies a write, and "key" names the record. Everything but the value is in names
// of members, which Vault returns without values, so listings move no secret. Delete, Undelete
// and Destroy are Vault's own. Author and times of versions that cannot be read are kept in the
// custom metadata.
//
// # Records have names
//
// Vault's answers don't repeat what was asked. If a proxy mixes up the answers on a connection,
// only the record itself can show it. So each record has a "key",
// {"INCARNATION/secrets/newsbot/prod/db":""}: the incarnation of the store, and the path below
// the base. The custom metadata of the KV secret has the same as "myvault_key", for answers
// without data; if it is longer than 512 bytes, "sha256:" and a digest. An answer that names
// another record is myvault.ErrTampered. The error text shows nothing of the answer.
//
// A write is acknowledged if the answer names its key and a version that no earlier write of
// this process made. Otherwise the version is read, and "change" is compared. The answer to
// another process's write of the same secret cannot be distinguished from its own. The first
// write of a key costs two more requests, because the key has no custom metadata before. Vault's
// answer to a deletion, undeletion or destruction is empty, so the state is read afterwards.
//
// An answer that nothing is there, the list of a folder and the answer to a log-in name no
// record. Each name in a list is looked up, so a list of another folder shows nothing, but may
// be incomplete.
//
// Records have names since layout 2. A store of layout 1 keeps working: its records are read
// without a name, and get one at the next write. Only a store of layout 2 refuses records
// without a name. To get one, copy the store with myvault.Copy to another base path. Versions
// of this package that know only layout 1 refuse a store of layout 2 with ErrNewer.
//
// # Connections
//
// Requests go over net/http in HTTP/1.1. Before a request is written to a used connection, its
// socket is examined: a change is not written to a connection that Vault has closed, as it does
// when it restarts. This needs Unix. On other systems such a change may end as
// myvault.ErrUnknownOutcome.
//
// # What Vault needs
//
// The mount must keep versions. By default Vault keeps ten.
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
// The right to patch data is optional. It saves a request for a Put with IfVersion of a version
// that this process read or wrote in the last minute. The token also needs Vault's policy
// "default", which lets it look itself up, renew itself and ask for its rights.
//
// No other program should have rights there, because writing below the base path bypasses
// myVault's policy. Stop every myVault before you restore an older state of Vault: a Put with
// IfVersion relies on a version number never being used for another version.
//
// # What is weaker than in providers/sqlite
//
// Vault has no transactions. Several changes in one commit are errors.ErrUnsupported, and the
// trail is a separate store. Among the callers of one process everything is exact. Between
// processes:
//
//   - If two processes delete a secret at the same time, both may succeed; likewise for Undelete.
//   - A Delete or Undelete whose answer is lost is looked up and never sent again. It may be
//     reported as done although only another process's change of the same kind was made. It may
//     be reported as unknown although it was made and another process undid it. If it arrives
//     after it was reported as unknown, it can undo changes made in between.
//   - A Put on a condition may be made after a concurrent deletion as if it had come before it,
//     unless it is a patch.
//   - Near the limit of projects, each process may register one too many.
//   - If two versions are deleted at the same time, author and times of one of them may be lost.
//
// Author and times of versions that cannot be read are kept for the newest few hundred. If a
// secret has more versions than the mount keeps, Versions reports the oldest as destroyed.
//
// A project that is being deleted counts as registered. If the process crashes meanwhile, the
// project stays. An empty project also stays if its first Put fails after it was registered. A
// live secret can be in an unregistered project only in two cases: a crash right after a write
// that took over half a second, before the registration is read again; and a Put that was
// reported as unknown and arrives while another process deletes its project. The next Put in
// that project repairs it.
//
// # When Vault does not answer
//
// Reads are tried on each node. A change goes to another node only if no node can have seen it.
// Otherwise the provider looks up whether it was made, for up to ten seconds. Only a Put on a
// condition, a destruction and a change of custom metadata are sent again. If the outcome
// cannot be found out, or the effect of a Delete or Undelete is not visible, the error is
// myvault.ErrUnknownOutcome: read the secret before you retry. All other failures are
// myvault.ErrUnavailable, with one of this package's errors as the reason if there is one. The
// store needs no restart.
package hashivault
