// Package connect opens the vault that a command works with: a server over HTTP, or a local store.
package connect

import (
	"context"
	"errors"
	"iter"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/client"
	"github.com/myswiftagent/myvault/tokens"
	"github.com/myswiftagent/myvault/usage"
)

// Session is what commands use of a vault. [*myvault.Session] implements it.
type Session interface {
	Service() string

	Get(ctx context.Context, addr myvault.Address) (myvault.Secret, error)
	GetVersion(ctx context.Context, addr myvault.Address, version myvault.Version) (myvault.Secret, error)
	GetPage(ctx context.Context, r myvault.ListOptions, limit int) (myvault.Page[myvault.Secret, myvault.Address], error)
	List(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error]
	Versions(ctx context.Context, addr myvault.Address) iter.Seq2[myvault.Info, error]
	Watch(ctx context.Context, r myvault.WatchOptions) iter.Seq2[myvault.Event, error]

	Apply(ctx context.Context, changes ...myvault.Change) ([]myvault.Info, error)
	PutVersion(ctx context.Context, addr myvault.Address, n myvault.NewVersion, conditions ...myvault.Condition) (myvault.Info, error)
	Delete(ctx context.Context, addr myvault.Address, conditions ...myvault.Condition) error
	Undelete(ctx context.Context, addr myvault.Address) (myvault.Info, error)
	Destroy(ctx context.Context, addr myvault.Address, versions ...myvault.Version) error

	Project(ctx context.Context, name string) (myvault.Project, error)
	Projects(ctx context.Context) iter.Seq2[myvault.Project, error]
	PutProject(ctx context.Context, p myvault.Project, conditions ...myvault.Condition) (myvault.Project, error)
	DeleteProject(ctx context.Context, name string) error
	SetDefaultProject(ctx context.Context, name string) (myvault.Project, error)

	Rights(ctx context.Context) (myvault.Rights, error)
	Who(ctx context.Context, a myvault.Action, addr myvault.Address) ([]string, error)
	Explain(ctx context.Context, service string, a myvault.Action, addr myvault.Address) (myvault.Decision, error)
	TrailPage(ctx context.Context, r myvault.TrailFilter, limit int) (myvault.Page[myvault.Entry, myvault.Cursor], error)
}

var _ Session = (*myvault.Session)(nil)

// Tokens mints, lists and revokes the capability tokens of the session's service.
type Tokens interface {
	Mint(ctx context.Context, g tokens.Grant) (tokens.Token, error)
	List(ctx context.Context) iter.Seq2[tokens.Token, error]
	Revoke(ctx context.Context, id string) error
}

// Vault is an open vault. Close it after use.
type Vault struct {
	Session
	Tokens Tokens
	Where  string // for messages: "http://127.0.0.1:8000", or "the store in data"
	Remote bool

	client *client.Client // nil: a local store
	usage  func(ctx context.Context, o usage.Options, limit int) (usage.Page, error)
	ready  func(ctx context.Context) error
	close  func() error
}

// Usage returns a page of the last reads of secrets. See [usage.Index.Page].
func (v *Vault) Usage(ctx context.Context, o usage.Options, limit int) (usage.Page, error) {
	return v.usage(ctx, o, limit)
}

// Close writes pending trail entries and closes the store or the connections.
func (v *Vault) Close() error { return v.close() }

// Settings say which vault to open. Empty fields come from the environment; see [Open].
type Settings struct {
	Local       bool   // open the store itself
	Write       bool   // create a store in HashiCorp Vault if there is none; unset, it is read-only
	URL         string // of the server
	Service     string
	TokenFile   string
	CACert      string // file with the authority of the server's certificate
	Certificate string // file with a client certificate
	Key         string // file with its key
	Environ     map[string]string
}

// IsLocal reports whether the settings select the store itself.
func (s Settings) IsLocal() bool { return s.Local || s.Environ["MYVAULT_LOCAL"] == "true" }

// environ returns the environment as a list.
func (s Settings) environ() (list []string) {
	for name, value := range s.Environ {
		list = append(list, name+"="+value)
	}
	return list
}

// ErrSettings is wrapped by errors of missing or contradictory settings.
var ErrSettings = errors.New("settings")

// Open opens the vault that the settings select. With Local, or MYVAULT_LOCAL=true, that is the
// store of the .env. Otherwise it is the server at URL, at MYVAULT_URL, or at the address in the
// .env of this directory.
func Open(ctx context.Context, s Settings) (*Vault, error) {
	if s.IsLocal() {
		return openLocal(ctx, s)
	}
	return openRemote(s)
}
