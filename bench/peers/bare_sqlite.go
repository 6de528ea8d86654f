package peers

import (
	"crypto/cipher"
	"errors"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"
)

// BareSQLite is the database engine of the local store without the store. Each change writes a log
// row with a sealed value and a head row, into two tables like the store's. A batch is one
// transaction and never waits for the disk. There is no policy, no chain and no check.
type BareSQLite struct {
	conn            *sqlite3.Conn
	aead            cipher.AEAD
	all             []Secret
	begin, log      *sqlite3.Stmt
	head, commit    *sqlite3.Stmt
	sequence, batch int
}

const bareTables = `
PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA cache_size=-16384; PRAGMA secure_delete=on;
PRAGMA wal_autocheckpoint=4000;
CREATE TABLE head(project TEXT, path TEXT, ver INTEGER, seq INTEGER, PRIMARY KEY(project, path)) STRICT, WITHOUT ROWID;
CREATE TABLE log(seq INTEGER PRIMARY KEY, at INTEGER, project TEXT, path TEXT, ver INTEGER, op INTEGER, actor TEXT, sealed BLOB, mac BLOB) STRICT;`

// NewBareSQLite creates a database in dir. Each Write changes batch of the secrets.
func NewBareSQLite(dir string, all []Secret, batch int) (*BareSQLite, error) {
	aead, err := newAEAD()
	if err != nil {
		return nil, err
	}
	conn, err := sqlite3.Open(filepath.Join(dir, "bare.db"))
	if err != nil {
		return nil, err
	}
	b := &BareSQLite{conn: conn, aead: aead, all: all, batch: batch}
	if err := b.prepare(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return b, nil
}

func (b *BareSQLite) prepare() error {
	if err := b.conn.Exec(bareTables); err != nil {
		return err
	}
	for _, p := range []struct {
		statement **sqlite3.Stmt
		sql       string
	}{
		{&b.begin, `BEGIN IMMEDIATE`},
		{&b.log, `INSERT INTO log VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)`},
		{&b.head, `INSERT INTO head VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET ver = ver + 1, seq = ?4`},
		{&b.commit, `COMMIT`},
	} {
		var err error
		if *p.statement, _, err = b.conn.Prepare(p.sql); err != nil {
			return err
		}
	}
	return nil
}

// Write commits one batch.
func (b *BareSQLite) Write() error {
	if err := b.begin.Exec(); err != nil {
		return err
	}
	mac := make([]byte, 32)
	for range b.batch {
		b.sequence++
		s := b.all[b.sequence*7919%len(b.all)]
		a := s.Address()
		sealed := b.aead.Seal(nil, nil, s.Value(b.sequence), s.Raw)
		err := errors.Join(
			b.log.BindInt(1, b.sequence), b.log.BindInt(2, b.sequence), b.log.BindText(3, a.Project), b.log.BindText(4, a.Path),
			b.log.BindInt(5, b.sequence), b.log.BindInt(6, 1), b.log.BindText(7, serviceName), b.log.BindBlob(8, sealed),
			b.log.BindBlob(9, mac), b.log.Exec(),
			b.head.BindText(1, a.Project), b.head.BindText(2, a.Path), b.head.BindInt(3, 1), b.head.BindInt(4, b.sequence), b.head.Exec(),
		)
		if err != nil {
			return err
		}
	}
	return b.commit.Exec()
}

// Close closes the file.
func (b *BareSQLite) Close() error {
	return errors.Join(b.begin.Close(), b.log.Close(), b.head.Close(), b.commit.Close(), b.conn.Close())
}
