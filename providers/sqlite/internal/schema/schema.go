// Package schema has the two kinds of database file of a store, vault.db and access.db. It
// creates them, migrates them, and checks them before they are opened. It knows tables and
// versions of formats. It does not know what the rows mean, nor how a file is used once it is
// open.
package schema

import (
	"context"
	"errors"
	"fmt"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
)

// Kind is a kind of database file: VaultFile or AccessFile.
type Kind struct {
	Name           string // of the file
	application    int32  // PRAGMA application_id, which identifies the kind
	AccessOptional bool   // vault.db may be opened without the access.db that it records
	newest         int64  // user_version of the files that this program creates
	tables         string // creates the tables of the newest version
	// Tail selects the last ?1 rows of the chain. Its columns are the sequence, and the number of
	// entries as two bytes or NULL.
	Tail string
	// schemas has the digest of the schema of each version that can be opened, the oldest first;
	// see Digest. migrations[n] migrates from Schemas[n] to Schemas[n+1].
	schemas    []string
	migrations []func(*db.Conn) error
}

// The kinds of file. Their application ids are "mvVt" and "mvTr" in ASCII.
var (
	VaultFile = Kind{
		Name: "vault.db", application: 0x6d765674,
		newest: 2, tables: metaTables + vaultTables + resealTable,
		Tail:    `SELECT seq, NULL FROM log ORDER BY seq DESC LIMIT ?1`,
		schemas: []string{"c0938d6b1468aef1d08abbb833456dc1604ea0cb3923d4426d7840c1a497f902"},
	}
	AccessFile = Kind{
		Name: "access.db", application: 0x6d765472,
		newest: 4, tables: metaTables + prunedTable + batchTable,
		Tail: `SELECT seq, substr(body, 2, 2) FROM batch ORDER BY seq DESC LIMIT ?1`,
		schemas: []string{
			"5d252989c80ac3afd3e08f71071b1401358b84e4b80a542077bd9f25281e34c8",
			"8b1515a8d2b0402deedd0d222411bdaa6ea0f286dcbc74056c9763ff6a1b7904",
		},
		migrations: []func(*db.Conn) error{dropSingle},
	}
)

// Version returns the user_version of the newest files.
func (k Kind) Version() int64 { return k.newest }

// oldest returns the user_version of the oldest files that can be opened.
func (k Kind) oldest() int64 { return k.newest - int64(len(k.schemas)) + 1 }

// metaTables creates the tables of the vault id, the check value and the wrapped keys.
const metaTables = `
CREATE TABLE meta(
	name  TEXT PRIMARY KEY,
	value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE epoch(
	epoch   INTEGER PRIMARY KEY,
	wrapped BLOB NOT NULL,
	first   INTEGER NOT NULL, -- the sequence of the first log row that may use it
	at      INTEGER NOT NULL
) STRICT;
`

// vaultTables creates the tables of secrets and projects. The rows of log are the versions, the
// trail of changes and the change feed. The table head has the newest row of each address. A NULL
// in a column of log mostly means that it equals another column, as docs/format.md defines.
const vaultTables = `
CREATE TABLE log(
	seq          INTEGER PRIMARY KEY,
	at           INTEGER NOT NULL,
	op           INTEGER NOT NULL,
	project      TEXT NOT NULL,
	path         TEXT NOT NULL,
	version      INTEGER NOT NULL,
	prev         INTEGER NOT NULL, -- the log row before it of the same address, or 0
	author       TEXT NOT NULL,
	description  TEXT,
	expires      INTEGER,
	rotate_after INTEGER,
	destroyed    BLOB,
	service      TEXT,
	via          TEXT,
	request      TEXT,
	remote       TEXT,
	action       TEXT,
	outcome      TEXT,
	count        INTEGER,
	first        INTEGER,
	last         INTEGER,
	entry_at     INTEGER,
	seen         INTEGER,
	digest       BLOB,
	mac          BLOB NOT NULL,
	sealed       BLOB
) STRICT;

CREATE TABLE head(
	project      TEXT NOT NULL,
	path         TEXT NOT NULL,
	version      INTEGER NOT NULL,
	state        INTEGER NOT NULL,
	at           INTEGER NOT NULL,
	author       TEXT NOT NULL,
	expires      INTEGER,
	rotate_after INTEGER,
	seq          INTEGER NOT NULL, -- the newest log row of the address
	value_seq    INTEGER NOT NULL, -- the log row of the current version
	mac          BLOB NOT NULL,
	PRIMARY KEY(project, path)
) STRICT, WITHOUT ROWID;

-- A list of deleted secrets must not scan the live ones.
CREATE INDEX head_gone ON head(project, path) WHERE state <> 1;

CREATE TABLE project(
	name        TEXT PRIMARY KEY,
	description TEXT NOT NULL,
	is_default  INTEGER NOT NULL,
	at          INTEGER NOT NULL,
	author      TEXT NOT NULL,
	mac         BLOB NOT NULL
) STRICT, WITHOUT ROWID;
`

// resealTable creates a table with a row for each record that was encrypted again under a later
// data key. The chain covers the digest of the record as it was first written.
const resealTable = `
CREATE TABLE reseal(
	seq    INTEGER PRIMARY KEY, -- of the log row
	digest BLOB NOT NULL,       -- of the record as it is now
	mac    BLOB NOT NULL
) STRICT;
`

// prunedTable creates a table that is empty until entries are pruned. Its one row is the last
// entry that was pruned, which the chain continues from.
const prunedTable = `
CREATE TABLE pruned(
	seq   INTEGER PRIMARY KEY,
	link  BLOB NOT NULL,    -- the MAC of the entry
	at    INTEGER NOT NULL, -- the time of the entry
	mac   BLOB NOT NULL
) STRICT;
`

// batchTable creates a table with a row for each batch of access entries.
const batchTable = `
CREATE TABLE batch(
	seq  INTEGER PRIMARY KEY, -- of the first entry in it
	body BLOB NOT NULL
) STRICT;
`

// Migrate migrates the open file to the newest version, in one transaction. If the file is empty,
// it creates the tables.
func (k Kind) Migrate(ctx context.Context, c *db.Conn) error {
	if version, err := c.Number("user_version"); err != nil || version == k.Version() {
		return err
	}
	return c.Transaction(ctx, func() error {
		// Check again: another process may have migrated the file, and only a known schema may be
		// migrated.
		version, err := k.CheckSchema(c)
		if err != nil {
			return err
		}
		if version == 0 {
			err = c.Exec(k.tables)
		}
		for ; err == nil && 0 < version && version < k.newest; version++ {
			err = k.migrations[version-k.oldest()](c)
		}
		if err != nil {
			return err
		}
		return c.Exec(fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d", k.application, k.newest))
	})
}

// dropSingle drops the table single of version 3 of access.db. If it has entries, which were only
// written before the first release, it returns
// errors.ErrUnsupported.
func dropSingle(c *db.Conn) error {
	entries, err := c.Integer(`SELECT count(*) FROM single`)
	if err == nil && entries > 0 {
		err = fmt.Errorf("%w: access.db has %d entries of a format from before the first release; prune them with the program that last opened it",
			errors.ErrUnsupported, entries)
	}
	if err != nil {
		return err
	}
	return c.Exec(`DROP TABLE single`)
}
