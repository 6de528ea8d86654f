package sqlite

import (
	"context"
	"fmt"

	"github.com/ncruces/go-sqlite3"
)

// kind is one of the two kinds of file that this package keeps.
type kind struct {
	name        string   // of the file
	application int32    // PRAGMA application_id, by which a file is known
	alone       bool     // it may be without the access.db that it remembers
	migrations  []string // migrations[n] brings a file from user_version n to n+1
	schemas     []string // schemas[n] is the digest of the schema that user_version n+1 has; see schemaDigest
}

// The kinds of file. The ids are "mvVt" and "mvTr" in ASCII.
var (
	vaultFile = kind{
		name: "vault.db", application: 0x6d765674,
		migrations: []string{metaTables + vaultTables, resealTable},
		schemas: []string{
			"08f0591bcd6570a151a371b32d348fba8c70cfc8648c2d4960e984978ac47334",
			"c0938d6b1468aef1d08abbb833456dc1604ea0cb3923d4426d7840c1a497f902",
		},
	}
	accessFile = kind{
		name: "access.db", application: 0x6d765472,
		migrations: []string{metaTables + accessTables, prunedTable, batchTable},
		schemas: []string{
			"9a15c163bbd9bdbf9b398fbc173be03bb5421a80a778fa419cb3b430f8a45dff",
			"14a9988caa36d9f7ae2e5101878b88c6b46149bd48a2b1f9907d47c1b7654483",
			"5d252989c80ac3afd3e08f71071b1401358b84e4b80a542077bd9f25281e34c8",
		},
	}
)

// version is the user_version of the newest files.
func (k kind) version() int64 { return int64(len(k.migrations)) }

// metaTables hold the vault id, the check value and the wrapped keys.
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

// vaultTables hold the secrets. The log is at once the versions, the trail of changes and
// the change feed; head points at the newest row of each address. Columns of log that are
// NULL stand for what docs/format.md says of them: mostly for an equal column.
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

-- Listing what is deleted must not walk over all that is live.
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

// accessTables hold the reads, the denials and the failures, as they were written at first: a
// row for each.
const accessTables = `
CREATE TABLE entry(
	seq      INTEGER PRIMARY KEY,
	at       INTEGER NOT NULL,
	service  TEXT NOT NULL,
	via      TEXT NOT NULL,
	request  TEXT NOT NULL,
	remote   TEXT NOT NULL,
	action   TEXT NOT NULL,
	project  TEXT NOT NULL,
	path     TEXT NOT NULL,
	version  INTEGER NOT NULL,
	outcome  TEXT NOT NULL,
	count    INTEGER NOT NULL,
	first    INTEGER NOT NULL,
	last     INTEGER NOT NULL,
	seen     INTEGER NOT NULL,
	mac      BLOB NOT NULL
) STRICT;
`

// resealTable has a row for each record that was sealed anew under a later data key. The
// chain keeps the digest of the record as it was first written.
const resealTable = `
CREATE TABLE reseal(
	seq    INTEGER PRIMARY KEY, -- of the log row
	digest BLOB NOT NULL,       -- of the record as it is now
	mac    BLOB NOT NULL
) STRICT;
`

// prunedTable has one row once entries were pruned: the last of them, behind which the chain
// goes on.
const prunedTable = `
CREATE TABLE pruned(
	seq   INTEGER PRIMARY KEY,
	link  BLOB NOT NULL,    -- the MAC of the entry
	at    INTEGER NOT NULL, -- the time of the entry
	mac   BLOB NOT NULL
) STRICT;
`

// batchTable has a row for each batch of entries. The rows of before stay what they are, for a file
// may have millions. They get another name, so that an older program that has the file open
// records nothing more, in place of going on with the chain behind them.
const batchTable = `
ALTER TABLE entry RENAME TO single;

CREATE TABLE batch(
	seq  INTEGER PRIMARY KEY, -- of the first entry in it
	body BLOB NOT NULL
) STRICT;
`

// migrate brings the open file to the newest version, in one transaction.
func (k kind) migrate(ctx context.Context, c *conn) error {
	if version, err := c.number("user_version"); err != nil || version == k.version() {
		return err
	}
	return c.transaction(ctx, func() error {
		// Another process may have been faster, and nothing foreign may pass into the new version.
		version, err := k.checkSchema(c)
		if err != nil {
			return err
		}
		for ; version < k.version(); version++ {
			if err := c.Exec(k.migrations[version]); err != nil {
				return err
			}
		}
		return c.Exec(fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d", k.application, version))
	})
}

// number gives a pragma that is a number.
func (c *conn) number(pragma string) (n int64, err error) {
	err = c.each("PRAGMA "+pragma, func(row *sqlite3.Stmt) error {
		n = row.ColumnInt64(0)
		return nil
	})
	return n, err
}

// integer gives the number that a query selects.
func (c *conn) integer(sql string, args ...any) (n int64, err error) {
	err = c.each(sql, func(row *sqlite3.Stmt) error {
		n = row.ColumnInt64(0)
		return nil
	}, args...)
	return n, err
}

// blob gives the bytes that a query selects; nil for NULL and for no row.
func (c *conn) blob(sql string, args ...any) (b []byte, err error) {
	err = c.each(sql, func(row *sqlite3.Stmt) error {
		b = row.ColumnBlob(0, nil)
		return nil
	}, args...)
	return b, err
}

// meta reads a value of the meta table; nil where it has none.
func (c *conn) meta(name string) ([]byte, error) {
	return c.blob(`SELECT value FROM meta WHERE name = ?1`, name)
}

func (c *conn) setMeta(name string, value []byte) error {
	return c.run(`INSERT INTO meta(name, value) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2`, name, value)
}

func (c *conn) dropMeta(name string) error {
	return c.run(`DELETE FROM meta WHERE name = ?1`, name)
}

// The names in the meta table.
const (
	metaVault       = "vault"       // the vault id
	metaCheck       = "check"       // the key check value
	metaTrail       = "trail"       // the wrapped trail key
	metaNextCheck   = "next_check"  // while the master key is being changed: of the new one
	metaNextTrail   = "next_trail"  // the trail key wrapped under the new one
	metaIncarnation = "incarnation" // its 8 bytes and their stamp
	metaAccess      = "access"      // in vault.db: the vault id of the access.db beside it, and its stamp
)
