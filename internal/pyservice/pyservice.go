// Package pyservice writes SQLite files as myVault's earlier service did, which was written in
// Python. It is for tests.
package pyservice

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault/crypto"
)

// tables are the tables of the Python service, as SQLAlchemy creates them.
const tables = `
CREATE TABLE projects (
	id INTEGER NOT NULL, name VARCHAR(255) NOT NULL, description VARCHAR(500), %s
	created_at DATETIME NOT NULL, created_by VARCHAR(100) NOT NULL, PRIMARY KEY (id));
CREATE UNIQUE INDEX ix_projects_name ON projects (name);
CREATE TABLE secrets (
	id INTEGER NOT NULL, project VARCHAR(255) NOT NULL, path VARCHAR(500) NOT NULL,
	encrypted_value BLOB NOT NULL, encryption_iv BLOB NOT NULL, encryption_tag BLOB NOT NULL,
	version INTEGER NOT NULL, created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL,
	updated_by VARCHAR(100) NOT NULL, PRIMARY KEY (id), FOREIGN KEY(project) REFERENCES projects (name));`

// Service is a file that is being written.
type Service struct {
	Path string
	DB   *sqlite3.Conn
	t    testing.TB
	aead cipher.AEAD
}

// New creates a file with empty tables. The first files had no column for the default project:
// withDefault is false for those.
func New(t testing.TB, key crypto.Key, withDefault bool) *Service {
	t.Helper()
	path := filepath.Join(t.TempDir(), "my vault.db")
	db, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key.Text(), "base64:"))
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	column := ""
	if withDefault {
		column = "is_default BOOLEAN NOT NULL,"
	}
	s := &Service{Path: path, DB: db, t: t, aead: aead}
	s.Exec("PRAGMA foreign_keys=off") // as in Python
	s.Exec(fmt.Sprintf(tables, column))
	return s
}

// Exec runs one statement with text parameters, or several statements without.
func (s *Service) Exec(query string, args ...string) {
	s.t.Helper()
	stmt, rest, err := s.DB.Prepare(query)
	if err == nil && strings.TrimSpace(rest) != "" {
		err = errors.Join(stmt.Close(), s.DB.Exec(query))
		if err != nil {
			s.t.Fatal(err)
		}
		return
	}
	if err != nil {
		s.t.Fatal(err)
	}
	for i, arg := range args {
		if err := stmt.BindText(i+1, arg); err != nil {
			s.t.Fatal(err)
		}
	}
	stmt.Step()
	if err := errors.Join(stmt.Err(), stmt.Close()); err != nil {
		s.t.Fatal(err)
	}
}

// Put inserts a secret of version 7, without checking for another one of its name.
func (s *Service) Put(project, path, value string) {
	s.t.Helper()
	iv := make([]byte, 12)
	_, _ = rand.Read(iv)
	sealed := s.aead.Seal(nil, iv, []byte(value), nil)
	text, tag := sealed[:len(sealed)-16], sealed[len(sealed)-16:]
	s.Exec(`INSERT INTO secrets(project, path, encrypted_value, encryption_iv, encryption_tag, version, created_at, updated_at, updated_by)
		VALUES(?, ?, ?, ?, ?, 7, '2025-10-01 00:00:00.000000', '2025-10-02 03:04:05.678901', 'commonUI')`,
		project, path, hex.EncodeToString(text), hex.EncodeToString(iv), hex.EncodeToString(tag))
}

// Done closes the file, as the service does when it stops, and returns its path.
func (s *Service) Done() string {
	s.t.Helper()
	if err := s.DB.Close(); err != nil {
		s.t.Fatal(err)
	}
	return s.Path
}
