package pyvault_test

import (
	"context"
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
	"github.com/myswiftagent/myvault/internal/pyservice"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/pyvault"
	"github.com/myswiftagent/myvault/transfer"
)

// filled returns a file with typical contents.
func filled(t testing.TB, key crypto.Key) *pyservice.Service {
	s := pyservice.New(t, key, true)
	s.Exec(`INSERT INTO projects(name, description, is_default, created_at, created_by) VALUES
		('newsbot', 'the news', 0, '2025-09-30 10:00:00.000000', 'commonUI'),
		('共通', NULL, 1, '2025-09-30 11:00:00', 'commonUI'),
		('empty', NULL, 0, '2025-09-30 12:00:00.5', 'commonUI')`)
	s.Put("newsbot", "prod/db", "hunter2")
	s.Put("newsbot", "OPENAI_API_KEY", "sk-秘密")
	s.Put("共通", "prod/smtp", strings.Repeat("x", 70_000))
	return s
}

func TestCopyFromTheService(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	path := filled(t, key).Done()
	before, err := os.ReadFile(path)
	is.NoErr(err)
	old, err := pyvault.Open(t.Context(), path, key, pyvault.Config{})
	is.NoErr(err)
	is.Equal(len(old.Problems()), 0)
	dst := memory.New(memory.Config{})
	r, err := transfer.Copy(t.Context(), dst, old, transfer.Options{By: "operator"})
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
	for p, err := range dst.Projects(t.Context(), "") {
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
	is.Equal(len(files), 1) // no other file was created
	r, err = transfer.Copy(t.Context(), dst, old, transfer.Options{By: "operator"})
	is.NoErr(err)
	is.Equal(r.Written, 0)
}

func TestWrongKey(t *testing.T) {
	is := is.New(t)
	path := filled(t, crypto.NewKey()).Done()
	_, err := pyvault.Open(t.Context(), path, crypto.NewKey(), pyvault.Config{})
	is.True(errors.Is(err, myvault.ErrWrongKey))
	_, err = pyvault.Open(t.Context(), path, crypto.Key{}, pyvault.Config{})
	is.True(errors.Is(err, crypto.ErrKey))
}

const badName = "invalid project name: contains U+002A; names take letters, digits, single blanks and . _ - ~ @ + = ( ) ! ' &"

// Problems lists every problem, and Config.Rename fixes invalid names.
func TestProblems(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	s := pyservice.New(t, key, true)
	s.Exec(`INSERT INTO projects(name, description, is_default, created_at, created_by) VALUES
		('ok', 'two' || char(10) || 'lines', 1, '2025-09-30 10:00:00', 'x'),
		('second', '', 1, '2025-09-30 10:00:00', 'x'),
		('bad*name', '', 0, '2025-09-30 10:00:00', 'x'),
		('no time', '', 0, 'yesterday', 'x')`)
	s.Put("ok", "fine", "v")
	s.Put("ok", "double", "first")
	s.Put("ok", "double", "second")
	s.Put("ok", "a//b", "v")
	s.Put("ok", "empty", "")
	s.Put("ok", "large", strings.Repeat("x", myvault.MaxValue+1))
	s.Put("ok", "broken", "v")
	s.Put("ok", "short", "v")
	s.Put("bad*name", "x", "v")
	s.Put("not registered", "x", "v")
	s.Exec(`UPDATE secrets SET encryption_tag = '00112233445566778899aabbccddeeff' WHERE path = 'broken'`)
	s.Exec(`UPDATE secrets SET encryption_iv = 'zz' WHERE path = 'short'`)
	s.Exec(`UPDATE secrets SET updated_at = '' WHERE path = 'fine'`)
	path := s.Done()
	old, err := pyvault.Open(t.Context(), path, key, pyvault.Config{})
	is.NoErr(err)
	var got []string
	for _, p := range old.Problems() {
		got = append(got, p.String())
	}
	is.Equal(got, []string{
		`"bad*name" "x": ` + badName,
		`"ok" "a//b": invalid path: segment 2 is empty`,
		`"ok" "broken": stored data does not authenticate: the master key does not decrypt the value`,
		`"ok" "empty": invalid: the value is empty; a secret holds at least one byte`,
		`"ok" "fine": its time is malformed`,
		`"ok" "large": too large: the value has 524289 bytes and the limit is 524288`,
		`"ok" "short": stored data does not authenticate: the master key does not decrypt the value`,
		`"ok" "double": another secret in the file has this name`,
		`"bad*name": ` + badName,
		`"no time": its time is malformed`,
		`"ok": its description is too long or contains control characters; it is copied without`,
		`"second": the file has another default project; it is copied as an ordinary one`,
	})
	secret, err := old.Get(t.Context(), myvault.Address{Project: "ok", Path: "double"}, 1)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "first") // the service returned the first one
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
	_, err = transfer.Copy(t.Context(), memory.New(memory.Config{}), old, transfer.Options{By: "operator"})
	is.NoErr(err) // everything else is copied
}

// The first files have no column for the default project.
func TestFirstFiles(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	s := pyservice.New(t, key, false)
	s.Exec(`INSERT INTO projects(name, created_at, created_by) VALUES('p', '2025-09-30 10:00:00', 'x')`)
	s.Put("p", "x", "v")
	old, err := pyvault.Open(t.Context(), s.Done(), key, pyvault.Config{})
	is.NoErr(err)
	for p, err := range old.Projects(t.Context(), "") {
		is.NoErr(err)
		is.True(!p.Default)
	}
}

func TestOtherFiles(t *testing.T) {
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
	piped := func(t *testing.T) string {
		path := filled(t, crypto.NewKey()).Done()
		is.New(t).NoErr(os.Mkdir(path+"-wal", 0o700))
		return path
	}
	running := func(t *testing.T) string {
		s := filled(t, crypto.NewKey())
		s.Exec(`BEGIN IMMEDIATE`)
		s.Exec(`PRAGMA cache_size=1`)
		for n := range 50 {
			s.Put("newsbot", fmt.Sprint("spilled-", n), strings.Repeat("x", 4000))
		}
		t.Cleanup(func() { _ = s.DB.Close() })
		return s.Path
	}
	for name, c := range map[string]struct {
		make func(*testing.T) string
		want error
	}{
		"a text":               {text, myvault.ErrInvalid},
		"another database":     {other, myvault.ErrInvalid},
		"a pipe as its log":    {piped, myvault.ErrInvalid},
		"a directory":          {func(t *testing.T) string { return t.TempDir() }, myvault.ErrInvalid},
		"a missing file":       {func(t *testing.T) string { return filepath.Join(t.TempDir(), "x") }, myvault.ErrUnavailable},
		"a file being written": {running, myvault.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			_, err := pyvault.Open(t.Context(), c.make(t), crypto.NewKey(), pyvault.Config{})
			is.True(errors.Is(err, c.want))
		})
	}
}

// The newest rows of a file in WAL mode may be in the log only.
func TestWriteAheadLogIsRead(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	s := filled(t, key)
	is.NoErr(s.DB.Exec(`PRAGMA journal_mode=WAL`))
	s.Put("newsbot", "late", "v")
	old, err := pyvault.Open(t.Context(), s.Path, key, pyvault.Config{})
	is.NoErr(err)
	_, err = old.Get(t.Context(), myvault.Address{Project: "newsbot", Path: "late"}, 0)
	is.NoErr(err)
	s.Done()
}

func TestReadOnly(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	old, err := pyvault.Open(t.Context(), filled(t, key).Done(), key, pyvault.Config{})
	is.NoErr(err)
	addr := myvault.Address{Project: "newsbot", Path: "prod/db"}
	_, err = old.Apply(t.Context(), myvault.Commit{By: "x", Changes: []myvault.Change{{Op: myvault.OpDelete, Address: addr}}})
	is.True(errors.Is(err, errors.ErrUnsupported))
	_, err = old.Get(t.Context(), addr, 2)
	is.True(errors.Is(err, myvault.ErrNotFound))
	count := func(r myvault.ListOptions) (n int) {
		for _, err := range old.List(t.Context(), r) {
			is.NoErr(err)
			n++
		}
		return n
	}
	is.Equal(count(myvault.ListOptions{}), 3)
	is.Equal(count(myvault.ListOptions{Deleted: true}), 0)
	is.Equal(count(myvault.ListOptions{Prefix: myvault.Prefix{Project: "newsbot", Path: "prod"}}), 1)
	is.Equal(count(myvault.ListOptions{After: addr}), 1)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	is.True(errors.Is(old.Ping(ended), context.Canceled))
	is.NoErr(old.Close())
	is.NoErr(old.Close())
	_, err = old.Get(t.Context(), addr, 0)
	is.True(errors.Is(err, myvault.ErrClosed))
}
