package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
)

// Provider has the methods of a provider of koanf (github.com/knadh/koanf) for the secrets below a
// prefix: Read, ReadBytes and Watch. Make one with [NewProvider].
type Provider struct {
	source Source
	config ProviderConfig
	ctx    context.Context //nolint:containedctx // the methods of koanf take none
	stop   context.CancelFunc
	ended  sync.WaitGroup
}

// ProviderConfig configures a Provider. Prefix is required, with a project.
type ProviderConfig struct {
	Prefix   myvault.Prefix
	Interval time.Duration // between questions of Watch. 0: 30 seconds
	Timeout  time.Duration // of one reading. 0: 30 seconds
}

// NewProvider returns a provider. ErrInvalid for a Config without a project.
func NewProvider(source Source, config ProviderConfig) (*Provider, error) {
	if err := config.Prefix.Validate(); err != nil {
		return nil, fmt.Errorf("live: %w", err)
	}
	if source == nil || config.Prefix.Project == "" || config.Interval < 0 || config.Timeout < 0 {
		return nil, fmt.Errorf("live: %w: a provider needs a source and a project, and no negative time", myvault.ErrInvalid)
	}
	config.Interval, config.Timeout = cmp.Or(config.Interval, defaultInterval), cmp.Or(config.Timeout, defaultInterval)
	p := &Provider{source: source, config: config}
	p.ctx, p.stop = context.WithCancel(context.Background())
	return p, nil
}

// ReadBytes returns [errors.ErrUnsupported]: secrets are no file. Load a Provider without a parser.
func (p *Provider) ReadBytes() ([]byte, error) {
	return nil, fmt.Errorf("live: %w: load this provider without a parser", errors.ErrUnsupported)
}

// Read returns the secrets below the prefix as strings in nested maps, by the segments of their
// paths behind the prefix. ErrInvalid if a secret is above another one.
func (p *Provider) Read() (map[string]any, error) {
	ctx, cancel := context.WithTimeout(p.ctx, p.config.Timeout)
	defer cancel()
	read := make(map[string]any)
	infos, err := p.list(ctx)
	if err != nil {
		return nil, err
	}
	for addr := range infos {
		secret, err := p.source.Get(ctx, addr)
		if errors.Is(err, myvault.ErrNotFound) {
			continue // deleted since it was listed
		}
		if err != nil {
			return nil, err
		}
		if !insert(read, strings.Split(p.key(addr), "/"), secret.Value.Reveal()) {
			return nil, fmt.Errorf("live: %w: %v is above or below another secret", myvault.ErrInvalid, addr)
		}
	}
	return read, nil
}

// key returns the path of a secret behind the prefix, or its last segment if the prefix names it.
func (p *Provider) key(addr myvault.Address) string {
	folder := strings.TrimSuffix(p.config.Prefix.Path, "/")
	if addr.Path == folder {
		return addr.Path[strings.LastIndexByte(addr.Path, '/')+1:]
	}
	return strings.TrimPrefix(strings.TrimPrefix(addr.Path, folder), "/")
}

// insert adds a value at the path of keys. It reports false if that is taken.
func insert(into map[string]any, keys []string, value string) bool {
	for _, key := range keys[:len(keys)-1] {
		below, found := into[key]
		if !found {
			below = make(map[string]any)
			into[key] = below
		}
		next, ok := below.(map[string]any)
		if !ok {
			return false
		}
		into = next
	}
	last := keys[len(keys)-1]
	if _, taken := into[last]; taken {
		return false
	}
	into[last] = value
	return true
}

// list returns the current versions of the secrets below the prefix.
func (p *Provider) list(ctx context.Context) (map[myvault.Address]myvault.Info, error) {
	infos := make(map[myvault.Address]myvault.Info)
	for info, err := range p.source.List(ctx, myvault.ListOptions{Prefix: p.config.Prefix}) {
		if err != nil {
			return nil, err
		}
		infos[info.Address] = info
	}
	return infos, nil
}

// Watch calls changed after each change of the secrets below the prefix, until Close. Its error is
// that of the first listing; later ones are passed to changed.
func (p *Provider) Watch(changed func(event any, err error)) error {
	before, err := p.list(p.ctx)
	if err != nil {
		return err
	}
	p.ended.Go(func() { p.follow(before, changed) })
	return nil
}

func (p *Provider) follow(before map[myvault.Address]myvault.Info, changed func(event any, err error)) {
	timer := time.NewTicker(p.config.Interval)
	defer timer.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-timer.C:
		}
		ctx, cancel := context.WithTimeout(p.ctx, p.config.Timeout)
		now, err := p.list(ctx)
		cancel()
		switch {
		case p.ctx.Err() != nil:
			return
		case err != nil:
			changed(nil, err)
		case !maps.EqualFunc(before, now, sameVersion):
			before = now
			changed(nil, nil)
		}
	}
}

// Close ends Watch. Later calls of Read fail.
func (p *Provider) Close() error {
	p.stop()
	p.ended.Wait()
	return nil
}
