package live_test

import (
	"errors"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/live"
	"github.com/myswiftagent/myvault/vaulttest"
)

// koanfProvider is the interface koanf.Provider of github.com/knadh/koanf/v2.
type koanfProvider interface {
	ReadBytes() ([]byte, error)
	Read() (map[string]any, error)
}

var _ koanfProvider = (*live.Provider)(nil)

func TestProvider(t *testing.T) {
	is := is.New(t)
	session := vaulttest.New(t, map[string]string{
		"newsbot/prod/db/password": "hunter2", "newsbot/prod/db/user": "app", "newsbot/prod/key": "k", "newsbot/dev/key": "other",
	}).As(vaulttest.DefaultService)
	p, err := live.NewProvider(session, live.ProviderConfig{Prefix: myvault.Prefix{Project: "newsbot", Path: "prod/"}, Interval: time.Millisecond})
	is.NoErr(err)
	defer p.Close()
	read, err := p.Read()
	is.NoErr(err)
	is.Equal(read, map[string]any{"db": map[string]any{"password": "hunter2", "user": "app"}, "key": "k"})
	_, err = p.ReadBytes()
	is.True(errors.Is(err, errors.ErrUnsupported))

	changes := make(chan error, 100)
	is.NoErr(p.Watch(func(_ any, err error) { changes <- err }))
	put(t, session, "prod/key", "changed")
	is.NoErr(<-changes)
	read, err = p.Read()
	is.NoErr(err)
	is.Equal(read["key"], "changed")

	put(t, session, "prod/key/below", "x")
	_, err = p.Read()
	is.True(errors.Is(err, myvault.ErrInvalid))
	is.NoErr(p.Close())
	_, err = p.Read()
	is.True(err != nil)
}

func TestProviderOfOneSecret(t *testing.T) {
	is := is.New(t)
	session := vaulttest.New(t, map[string]string{"newsbot/prod/db": "hunter2"}).As(vaulttest.DefaultService)
	p, err := live.NewProvider(session, live.ProviderConfig{Prefix: myvault.Prefix{Project: "newsbot", Path: "prod/db"}})
	is.NoErr(err)
	defer p.Close()
	read, err := p.Read()
	is.NoErr(err)
	is.Equal(read, map[string]any{"db": "hunter2"})
	for _, config := range []live.ProviderConfig{{}, {Prefix: myvault.Prefix{Project: "."}}, {Prefix: myvault.Prefix{Project: "a"}, Interval: -1}} {
		_, err := live.NewProvider(session, config)
		is.True(errors.Is(err, myvault.ErrInvalid))
	}
}
