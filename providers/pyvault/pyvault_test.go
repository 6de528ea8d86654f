package pyvault_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"
	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/pyvault"
)

// tables are those of the Python service, as SQLAlchemy makes them.
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

// service writes a file as the Python service does.
type service struct {
	t    *testing.T
	db   *sqlite3.Conn
	aead cipher.AEAD
	path string
}

func newService(t *testing.T, key crypto.Key, withDefault bool) *service {
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
	s := &service{t, db, aead, path}
	s.exec("PRAGMA foreign_keys=off") // as in Python
	s.exec(fmt.Sprintf(tables, column))
	return s
}

func (s *service) exec(query string, args ...string) {
	s.t.Helper()
	stmt, rest, err := s.db.Prepare(query)
	if err == nil && strings.TrimSpace(rest) != "" {
		err = errors.Join(stmt.Close(), s.db.Exec(query))
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

func (s *service) put(project, path, value string) {
	s.t.Helper()
	iv := make([]byte, 12)
	_, _ = rand.Read(iv)
	sealed := s.aead.Seal(nil, iv, []byte(value), nil)
	text, tag := sealed[:len(sealed)-16], sealed[len(sealed)-16:]
	s.exec(`INSERT INTO secrets(project, path, encrypted_value, encryption_iv, encryption_tag, version, created_at, updated_at, updated_by)
		VALUES(?, ?, ?, ?, ?, 7, '2025-10-01 00:00:00.000000', '2025-10-02 03:04:05.678901', 'commonUI')`,
		project, path, hex.EncodeToString(text), hex.EncodeToString(iv), hex.EncodeToString(tag))
}

// done closes the file, as the service does when it stops.
func (s *service) done() string {
	s.t.Helper()
	if err := s.db.Close(); err != nil {
		s.t.Fatal(err)
	}
	return s.path
}

// filled is a file with usual contents.
func filled(t *testing.T, key crypto.Key) *service {
	s := newService(t, key, true)
	s.exec(`INSERT INTO projects(name, description, is_default, created_at, created_by) VALUES
		('newsbot', 'the news', 0, '2025-09-30 10:00:00.000000', 'commonUI'),
		('共通', NULL, 1, '2025-09-30 11:00:00', 'commonUI'),
		('empty', NULL, 0, '2025-09-30 12:00:00.5', 'commonUI')`)
	s.put("newsbot", "prod/db", "hunter2")
	s.put("newsbot", "OPENAI_API_KEY", "sk-秘密")
	s.put("共通", "prod/smtp", strings.Repeat("x", 70_000))
	return s
}

func TestCopyFromTheService(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	path := filled(t, key).done()
	before, err := os.ReadFile(path)
	is.NoErr(err)
	old, err := pyvault.Open(t.Context(), path, key, pyvault.Config{})
	is.NoErr(err)
	is.Equal(len(old.Problems()), 0)
	dst := memory.New(memory.Config{})
	r, err := myvault.Copy(t.Context(), dst, old, myvault.CopyOptions{By: "operator"})
	is.NoErr(err)
	is.True(r.Equal())
	is.Equal([]int{r.Projects, r.Addresses, r.Versions, r.Written}, []int{3, 3, 3, 3})

	secret, err := dst.Get(t.Context(), myvault.Address{Project: "newsbot", Path: "OPENAI_API_KEY"}, 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "sk-秘密")
	is.Equal(secret.Version, myvault.Version(1))
	is.Equal(secret.By, "commonUI")
	is.Equal(secret.At, time.Date(2025, 10, 2, 3, 4, 5, 678901000, time.UTC))
	var projects []string
	for p, err := range dst.Projects(t.Context()) {
		is.NoErr(err)
		projects = append(projects, fmt.Sprint(p.Name, "|", p.Description, "|", p.Default, "|", p.At.Format(time.RFC3339Nano), "|", p.By))
	}
	is.Equal(projects, []string{
		"empty||false|2025-09-30T12:00:00.5Z|commonUI",
		"newsbot|the news|false|2025-09-30T10:00:00Z|commonUI",
		"共通||true|2025-09-30T11:00:00Z|commonUI",
	})
	after, err := os.ReadFile(path)
	is.NoErr(err)
	is.Equal(string(after), string(before)) // untouched
	files, err := os.ReadDir(filepath.Dir(path))
	is.NoErr(err)
	is.Equal(len(files), 1) // nothing was made beside it
	r, err = myvault.Copy(t.Context(), dst, old, myvault.CopyOptions{By: "operator"})
	is.NoErr(err)
	is.Equal(r.Written, 0)
}

func TestWrongKey(t *testing.T) {
	is := is.New(t)
	path := filled(t, crypto.NewKey()).done()
	_, err := pyvault.Open(t.Context(), path, crypto.NewKey(), pyvault.Config{})
	is.True(errors.Is(err, myvault.ErrWrongKey))
	_, err = pyvault.Open(t.Context(), path, crypto.Key{}, pyvault.Config{})
	is.True(errors.Is(err, crypto.ErrKey))
}

const badName = "invalid project name: holds U+002A; names take letters, digits, single blanks and . _ - ~ @ + = ( ) ! ' &"

// TestProblemsAreListed: all that cannot be given, and renaming mends names.
func TestProblemsAreListed(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	s := newService(t, key, true)
	s.exec(`INSERT INTO projects(name, description, is_default, created_at, created_by) VALUES
		('ok', 'two' || char(10) || 'lines', 1, '2025-09-30 10:00:00', 'x'),
		('second', '', 1, '2025-09-30 10:00:00', 'x'),
		('bad*name', '', 0, '2025-09-30 10:00:00', 'x'),
		('no time', '', 0, 'yesterday', 'x')`)
	s.put("ok", "fine", "v")
	s.put("ok", "double", "first")
	s.put("ok", "double", "second")
	s.put("ok", "a//b", "v")
	s.put("ok", "empty", "")
	s.put("ok", "large", strings.Repeat("x", myvault.MaxValue+1))
	s.put("ok", "broken", "v")
	s.put("ok", "short", "v")
	s.put("bad*name", "x", "v")
	s.put("not registered", "x", "v")
	s.exec(`UPDATE secrets SET encryption_tag = '00112233445566778899aabbccddeeff' WHERE path = 'broken'`)
	s.exec(`UPDATE secrets SET encryption_iv = 'zz' WHERE path = 'short'`)
	s.exec(`UPDATE secrets SET updated_at = '' WHERE path = 'fine'`)
	path := s.done()
	old, err := pyvault.Open(t.Context(), path, key, pyvault.Config{})
	is.NoErr(err)
	var got []string
	for _, p := range old.Problems() {
		got = append(got, p.String())
	}
	is.Equal(got, []string{
		`"bad*name" "x": ` + badName,
		`"ok" "a//b": invalid path: segment 2 is empty`,
		`"ok" "broken": stored data does not authenticate: the value does not open with the master key`,
		`"ok" "empty": invalid: the value is empty; a secret holds at least one byte`,
		`"ok" "fine": its time is malformed`,
		`"ok" "large": too large: the value has 524289 bytes and the limit is 524288`,
		`"ok" "short": stored data does not authenticate: the value does not open with the master key`,
		`"ok" "double": another secret of the file has this name`,
		`"bad*name": ` + badName,
		`"no time": its time is malformed`,
		`"ok": its description is too long or holds control characters; it is carried without`,
		`"second": another project of the file is the default one too; it is carried as none`,
	})
	secret, err := old.Get(t.Context(), myvault.Address{Project: "ok", Path: "double"}, 1)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "first") // the service answers with the first one
	_, err = old.Get(t.Context(), myvault.Address{Project: "not registered", Path: "x"}, 0)
	is.NoErr(err)

	old, err = pyvault.Open(t.Context(), path, key, pyvault.Config{Rename: map[string]string{
		"bad*name": "good-name", "ok/a//b": "good-name/a/b", "second": "ok",
	}})
	is.NoErr(err)
	for _, name := range []string{"good-name/x", "good-name/a/b"} {
		addr, err := myvault.ParseAddress(name)
		is.NoErr(err)
		_, err = old.Get(t.Context(), addr, 0)
		is.NoErr(err)
	}
	is.Equal(len(old.Problems()), 9)
	_, err = myvault.Copy(t.Context(), memory.New(memory.Config{}), old, myvault.CopyOptions{By: "operator"})
	is.NoErr(err) // what it lists is not given, and all else is carried
}

// TestFirstFiles have no column that tells the default project.
func TestFirstFiles(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	s := newService(t, key, false)
	s.exec(`INSERT INTO projects(name, created_at, created_by) VALUES('p', '2025-09-30 10:00:00', 'x')`)
	s.put("p", "x", "v")
	old, err := pyvault.Open(t.Context(), s.done(), key, pyvault.Config{})
	is.NoErr(err)
	for p, err := range old.Projects(t.Context()) {
		is.NoErr(err)
		is.True(!p.Default)
	}
}

func TestNotSuchAFile(t *testing.T) {
	text := func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "x")
		is.New(t).NoErr(os.WriteFile(path, []byte(strings.Repeat("not a database ", 100)), 0o600))
		return path
	}
	other := func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "x")
		db, err := sqlite3.Open(path)
		is.New(t).NoErr(err)
		is.New(t).NoErr(errors.Join(db.Exec(`CREATE TABLE secrets(a)`), db.Close()))
		return path
	}
	running := func(t *testing.T) string {
		s := filled(t, crypto.NewKey())
		s.exec(`BEGIN IMMEDIATE`)
		s.exec(`PRAGMA cache_size=1`)
		for n := range 50 {
			s.put("newsbot", fmt.Sprint("spilled-", n), strings.Repeat("x", 4000))
		}
		t.Cleanup(func() { _ = s.db.Close() })
		return s.path
	}
	for name, c := range map[string]struct {
		make func(*testing.T) string
		want error
	}{
		"a text":                   {text, myvault.ErrInvalid},
		"another database":         {other, myvault.ErrInvalid},
		"a directory":              {func(t *testing.T) string { return t.TempDir() }, myvault.ErrInvalid},
		"nothing":                  {func(t *testing.T) string { return filepath.Join(t.TempDir(), "x") }, myvault.ErrUnavailable},
		"one that is written just": {running, myvault.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			_, err := pyvault.Open(t.Context(), c.make(t), crypto.NewKey(), pyvault.Config{})
			is.True(errors.Is(err, c.want))
		})
	}
}

// TestWriteAheadLogIsRead: a file in WAL mode may have its newest rows in the log alone.
func TestWriteAheadLogIsRead(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	s := filled(t, key)
	is.NoErr(s.db.Exec(`PRAGMA journal_mode=WAL`))
	s.put("newsbot", "late", "v")
	old, err := pyvault.Open(t.Context(), s.path, key, pyvault.Config{})
	is.NoErr(err)
	_, err = old.Get(t.Context(), myvault.Address{Project: "newsbot", Path: "late"}, 0)
	is.NoErr(err)
	s.done()
}

func TestReadOnly(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	old, err := pyvault.Open(t.Context(), filled(t, key).done(), key, pyvault.Config{})
	is.NoErr(err)
	addr := myvault.Address{Project: "newsbot", Path: "prod/db"}
	_, err = old.Apply(t.Context(), myvault.Commit{By: "x", Changes: []myvault.Change{{Op: myvault.OpDelete, Address: addr}}})
	is.True(errors.Is(err, errors.ErrUnsupported))
	_, err = old.Get(t.Context(), addr, 2)
	is.True(errors.Is(err, myvault.ErrNotFound))
	count := func(r myvault.Range) (n int) {
		for _, err := range old.List(t.Context(), r) {
			is.NoErr(err)
			n++
		}
		return n
	}
	is.Equal(count(myvault.Range{}), 3)
	is.Equal(count(myvault.Range{Deleted: true}), 0)
	is.Equal(count(myvault.Range{Prefix: myvault.Prefix{Project: "newsbot", Path: "prod"}}), 1)
	is.Equal(count(myvault.Range{After: addr}), 1)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	is.True(errors.Is(old.Ping(ended), context.Canceled))
	is.NoErr(old.Close())
	is.NoErr(old.Close())
	_, err = old.Get(t.Context(), addr, 0)
	is.True(errors.Is(err, myvault.ErrClosed))
}
