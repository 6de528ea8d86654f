package hashivault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/cluster"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/transport"
)

// Store is a [myvault.Provider] over the KV version 2 engine of a HashiCorp Vault. Make one with [Open].
type Store struct {
	kv       *kv
	register *register
	keeps    int   // versions of a secret, at least
	locks    locks // by address
	hints    hints
	patches  atomic.Bool // the token may patch
	readOnly bool
	gate     gate
}

var (
	_ myvault.Provider    = (*Store)(nil)
	_ myvault.Incarnation = (*Store)(nil)
)

// Open logs in, checks that the mount and the token's rights are fit, and makes the store where
// there is none under the base path. It fails with [myvault.ErrInvalid] for a Config that
// cannot work, with [ErrToken], [ErrLogin], [ErrSealed], [ErrMount], [ErrRights] or [ErrNewer], each
// saying what to do, or with [myvault.ErrUnavailable] alone where no node answers.
func Open(ctx context.Context, config Config) (*Store, error) {
	s, err := open(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open HashiCorp Vault: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, config Config) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	nodes, err := config.parseAddresses()
	if err != nil {
		return nil, err
	}
	security, err := config.tls()
	if err != nil {
		return nil, err
	}
	c := cluster.New(cluster.Config{
		Nodes: nodes, Namespace: config.Namespace, Timeout: config.Timeout,
		Transport: transport.New(config.dial, security),
	})
	keeper, err := newKeeper(ctx, c, config)
	if err != nil {
		c.CloseIdle()
		return nil, err
	}
	s := &Store{kv: &kv{cluster: c, keeper: keeper, mount: config.Mount, base: config.Base}, readOnly: config.ReadOnly}
	s.register, s.keeps = newRegister(s, config.MaxProjects), config.KeepVersions
	if err := s.start(ctx, config.KeepVersions); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// start checks Vault and reads or makes the record of the store.
func (s *Store) start(ctx context.Context, keep int) error {
	if err := s.kv.checkMount(ctx, keep); err != nil {
		return err
	}
	patches, err := s.kv.checkRights(ctx)
	if err != nil {
		return err
	}
	s.patches.Store(patches)
	for {
		found, err := s.identity(ctx)
		if err != nil || found.Incarnation != "" || s.readOnly {
			s.kv.incarnation, s.kv.allNamed = found.Incarnation, found.Layout != firstLayout
			return err
		}
		id := identity{Layout: layout, Incarnation: strings.ToLower(rand.Text()), Change: named(rand.Text())}
		_, err = s.write(ctx, s.kv.base+"/"+storeKey, id, id.Change.String(), 0)
		if err != nil && !errors.Is(err, cluster.ErrMismatch) {
			return err
		}
	}
}

// identity is the record of the store as a whole.
type identity struct {
	Layout      string `json:"layout"`
	Incarnation string `json:"incarnation"`
	Change      name   `json:"change"`
}

// identity reads the record of the store; it is zero if there is none.
func (s *Store) identity(ctx context.Context) (identity, error) {
	var none identity
	type stored struct {
		Data struct {
			Data *identity `json:"data"`
			Meta *metadata `json:"metadata"`
		} `json:"data"`
	}
	a, found, err := s.kv.get(ctx, "data/"+s.kv.base+"/"+storeKey, "")
	if err != nil {
		return none, err
	}
	v, err := decode[stored](a)
	id := v.Data.Data
	switch {
	case err != nil:
		return none, err
	case !found && v.Data.Meta == nil:
		return none, withoutData(a)
	case !found || id == nil || !isIncarnation(id.Incarnation):
		return none, fmt.Errorf("%w: the record of the store is deleted or is another program's", myvault.ErrTampered)
	case id.Layout != layout && id.Layout != firstLayout:
		return none, ErrNewer
	}
	return *id, nil
}

// isIncarnation reports whether s can be the name of an incarnation: it becomes part of ETags.
func isIncarnation(s string) bool {
	const longest = 64
	return s != "" && len(s) <= longest && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

// Incarnation returns 26 letters and digits, drawn at random when the store was made. With
// [Config.ReadOnly] it is empty if there is no store.
func (s *Store) Incarnation() string { return s.kv.incarnation }

// Ping reads one record, with the token: it reports a Vault that does not answer, is
// sealed or has no leader, and a token that has ended.
func (s *Store) Ping(ctx context.Context) error {
	_, err := guarded(ctx, s, func() (identity, error) { return s.identity(ctx) })
	return err
}

// Close waits for the calls in progress, stops renewing the token, and revokes one that came from a
// log-in. A second Close gives nil, later calls ErrClosed.
func (s *Store) Close() error {
	if s.gate.close() {
		s.kv.keeper.close()
		s.kv.cluster.CloseIdle()
	}
	return nil
}
