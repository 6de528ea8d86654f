package live_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/client"
	"github.com/myswiftagent/myvault/live"
	"github.com/myswiftagent/myvault/vaulttest"
)

var _ live.Source = (*client.Client)(nil)

// everything has a field of each kind.
type everything struct {
	Text     string            `vault:"prod/text"`
	Raw      []byte            `vault:"prod/text"`
	Value    myvault.Value     `vault:"prod/text"`
	On       bool              `vault:"prod/on"`
	Number   int16             `vault:"prod/number"`
	Unsigned uint              `vault:"prod/number"`
	Float    float64           `vault:"prod/number"`
	Wait     time.Duration     `vault:"prod/wait"`
	Address  netip.Addr        `vault:"prod/address"`
	Pool     struct{ Max int } `vault:"prod/pool,json"`
	List     []string          `vault:"prod/list,json"`
	Missing  string            `vault:"prod/missing,optional"`
	Absent   *int              `vault:"prod/missing,json,optional"`
	Nested   struct {
		Text string `vault:"prod/text"`
		Free int
	}
	Free int
}

var everySecret = map[string]string{
	"newsbot/prod/text": "hunter2", "newsbot/prod/on": "true", "newsbot/prod/number": "12", "newsbot/prod/wait": "3s",
	"newsbot/prod/address": "192.0.2.1", "newsbot/prod/pool": `{"Max":7}`, "newsbot/prod/list": `["a","b"]`,
}

// bind binds T to a session, and closes it at the end of the test.
func bind[T any](t *testing.T, source live.Source, config live.Config) *live.Live[T] {
	t.Helper()
	l, err := live.BindConfig[T](t.Context(), source, "newsbot", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func at(path string) myvault.Address { return myvault.Address{Project: "newsbot", Path: path} }

func put(t *testing.T, s *myvault.Session, path, value string) {
	t.Helper()
	if _, err := s.Put(t.Context(), at(path), myvault.Text(value)); err != nil {
		t.Fatal(err)
	}
}

func TestBind(t *testing.T) {
	is := is.New(t)
	session := vaulttest.New(t, everySecret).As(vaulttest.DefaultService)
	l, err := live.Bind[everything](t.Context(), session, "newsbot")
	is.NoErr(err)
	defer l.Close()
	c := l.Load()
	is.Equal(c.Text, "hunter2")
	is.Equal(string(c.Raw), "hunter2")
	is.Equal(c.Value.Reveal(), "hunter2")
	is.Equal(c.On, true)
	is.Equal(c.Number, int16(12))
	is.Equal(c.Unsigned, uint(12))
	is.Equal(c.Float, 12.0)
	is.Equal(c.Wait, 3*time.Second)
	is.Equal(c.Address.String(), "192.0.2.1")
	is.Equal(c.Pool.Max, 7)
	is.Equal(c.List, []string{"a", "b"})
	is.Equal(c.Missing, "")
	is.Equal(c.Absent, nil)
	is.Equal(c.Nested.Text, "hunter2")
	is.NoErr(l.Err())
	is.NoErr(l.Refresh(t.Context()))
	is.True(l.Load() == c) // nothing changed
	is.NoErr(l.Close())
	is.NoErr(l.Close())
	is.True(l.Load() == c)
}

// TestBindRefuses lists structs and arguments that cannot work.
func TestBindRefuses(t *testing.T) {
	session := vaulttest.New(t, everySecret).As(vaulttest.DefaultService)
	for name, try := range map[string]func(context.Context) error{
		"no struct": func(ctx context.Context) error { _, err := live.Bind[int](ctx, session, "newsbot"); return err },
		"no tag": func(ctx context.Context) error {
			_, err := live.Bind[struct{ A string }](ctx, session, "newsbot")
			return err
		},
		"wrong path": refuse[struct {
			A string `vault:"prod//a"`
		}](session),
		"no path": refuse[struct {
			A string `vault:",json"`
		}](session),
		"unknown option": refuse[struct {
			A string `vault:"prod/text,yaml"`
		}](session),
		"two formats": refuse[struct {
			A string `vault:"prod/text,json,pem"`
		}](session),
		"unexported": refuse[struct {
			a string `vault:"prod/text"`
		}](session),
		"a channel": refuse[struct {
			A chan int `vault:"prod/text"`
		}](session),
		"PEM of a string": refuse[struct {
			A string `vault:"prod/text,pem"`
		}](session),
		"wrong project": func(ctx context.Context) error { _, err := live.Bind[everything](ctx, session, ".x"); return err },
		"no source":     func(ctx context.Context) error { _, err := live.Bind[everything](ctx, nil, "newsbot"); return err },
		"negative times": func(ctx context.Context) error {
			_, err := live.BindConfig[everything](ctx, session, "newsbot", live.Config{Interval: -1})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			is.True(errors.Is(try(t.Context()), myvault.ErrInvalid))
		})
	}
	is := is.New(t)
	_, err := live.Bind[struct {
		A string `vault:"prod/missing"`
	}](t.Context(), session, "newsbot")
	is.True(errors.Is(err, myvault.ErrNotFound))
}

func refuse[T any](session *myvault.Session) func(context.Context) error {
	return func(ctx context.Context) error { _, err := live.Bind[T](ctx, session, "newsbot"); return err }
}

// pair is a set of two secrets that are changed together. Bad ones do not match.
type pair struct {
	Left  int `vault:"prod/left"`
	Right int `vault:"prod/right,json"`
}

func (p *pair) Validate() error {
	if p.Left != -p.Right {
		return fmt.Errorf("%d and %d do not match", p.Left, p.Right)
	}
	return nil
}

// putPair writes both secrets in one commit.
func putPair(ctx context.Context, s *myvault.Session, left, right string) error {
	_, err := s.Apply(ctx,
		myvault.Change{Op: myvault.OpPut, Address: at("prod/left"), Value: myvault.Text(left)},
		myvault.Change{Op: myvault.OpPut, Address: at("prod/right"), Value: myvault.Text(right)},
	)
	return err
}

// TestFollow: changes are found without a call, bad ones are reported and leave the set alone.
func TestFollow(t *testing.T) {
	is := is.New(t)
	session := vaulttest.New(t, map[string]string{"newsbot/prod/left": "1", "newsbot/prod/right": "-1"}).As(vaulttest.DefaultService)
	changes, errs := make(chan struct{}, 100), make(chan error, 100)
	l := bind[pair](t, session, live.Config{
		Interval: time.Millisecond, OnChange: func() { changes <- struct{}{} },
		OnError: func(err error) {
			select {
			case errs <- err:
			default:
			}
		},
	})
	first := l.Load()
	is.Equal(*first, pair{1, -1})
	is.NoErr(putPair(t.Context(), session, "2", "-2"))
	<-changes
	second := l.Load()
	is.Equal(*second, pair{2, -2})
	is.Equal(*first, pair{1, -1}) // a set does not change

	is.NoErr(putPair(t.Context(), session, "31337", "-4"))
	err := <-errs
	is.True(strings.HasPrefix(err.Error(), "live: invalid set: the error of Validate contains the value of newsbot/prod/"))
	is.True(l.Load() == second)
	is.True(l.Err() != nil)
	is.NoErr(putPair(t.Context(), session, "5", "-5"))
	<-changes
	is.Equal(*l.Load(), pair{5, -5})
	is.NoErr(l.Refresh(t.Context()))
	is.NoErr(l.Err())

	is.NoErr(session.Delete(t.Context(), at("prod/left")))
	for !errors.Is(<-errs, myvault.ErrNotFound) {
	}
	is.Equal(*l.Load(), pair{5, -5})
}

// secretive fails Validate with a text that has no value.
type secretive struct {
	A string `vault:"prod/a"`
}

var errSecretive = errors.New("too weak")

func (s *secretive) Validate() error {
	if s.A == "12345" {
		return errSecretive
	}
	return nil
}

// TestNoValueInErrors has a malformed value for each kind of field.
func TestNoValueInErrors(t *testing.T) {
	const bad = "31337very-secret"
	for name, try := range map[string]func(*myvault.Session) error{
		"bool": bindErr[struct {
			A bool `vault:"prod/a"`
		}],
		"int": bindErr[struct {
			A int `vault:"prod/a"`
		}],
		"uint": bindErr[struct {
			A uint8 `vault:"prod/a"`
		}],
		"float": bindErr[struct {
			A float64 `vault:"prod/a"`
		}],
		"duration": bindErr[struct {
			A time.Duration `vault:"prod/a"`
		}],
		"time": bindErr[struct {
			A time.Time `vault:"prod/a"`
		}],
		"text": bindErr[struct {
			A netip.Addr `vault:"prod/a"`
		}],
		"json": bindErr[struct {
			A int8 `vault:"prod/a,json"`
		}],
		"trailing": bindErr[struct {
			A any `vault:"prod/a,json"`
		}],
		"nested": bindErr[struct {
			B struct {
				A int `vault:"prod/a"`
			}
		}],
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			err := try(vaulttest.New(t, map[string]string{"newsbot/prod/a": bad}).As(vaulttest.DefaultService))
			is.True(err != nil)
			is.True(!strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "31337"))
			is.True(strings.HasPrefix(err.Error(), "live: newsbot/prod/a is malformed for field "))
		})
	}
	is := is.New(t)
	session := vaulttest.New(t, map[string]string{"newsbot/prod/a": "12345"}).As(vaulttest.DefaultService)
	_, err := live.Bind[secretive](t.Context(), session, "newsbot")
	is.Equal(err.Error(), "live: invalid set: too weak")
	is.True(errors.Is(err, errSecretive))
}

func bindErr[T any](session *myvault.Session) error {
	_, err := live.Bind[T](context.Background(), session, "newsbot")
	return err
}

// meddler is a source that changes the secrets before it answers some calls of Get.
type meddler struct {
	unsupported // it notices no change alone
	calls       int
	before      func(call int)
}

func (m *meddler) Get(ctx context.Context, addr myvault.Address) (myvault.Secret, error) {
	m.calls++
	m.before(m.calls)
	return m.Session.Get(ctx, addr)
}

// TestOneMoment: secrets that change while they are read are read again, also by a caller that may
// not list them.
func TestOneMoment(t *testing.T) {
	for _, rule := range []string{"newsbot/@read+list", "newsbot/@read"} {
		t.Run(rule, func(t *testing.T) {
			is := is.New(t)
			vault := vaulttest.New(t, map[string]string{"newsbot/prod/left": "1", "newsbot/prod/right": "-1"},
				vaulttest.Service(t, "app", rule), vaulttest.Service(t, "admin", "*/"))
			admin := vault.As("admin")
			m := &meddler{unsupported: unsupported{vault.As("app")}, before: func(call int) {
				if call == 2 { // left was read, right was not
					is.NoErr(putPair(t.Context(), admin, "2", "-2"))
				}
			}}
			l := bind[pair](t, m, live.Config{Interval: time.Hour})
			is.Equal(*l.Load(), pair{2, -2})

			n := 2
			m.before = func(int) { n++; is.NoErr(putPair(t.Context(), admin, fmt.Sprint(n), fmt.Sprint(-n))) }
			is.True(l.Refresh(t.Context()) != nil) // they change without end
			is.Equal(*l.Load(), pair{2, -2})
			m.before = func(int) {}
			is.NoErr(l.Refresh(t.Context()))
			is.Equal(*l.Load(), pair{n, -n})
		})
	}
}

// TestFewReads: a round without changes is one listing, and reads nothing.
func TestFewReads(t *testing.T) {
	is := is.New(t)
	session := vaulttest.New(t, map[string]string{"newsbot/prod/left": "1", "newsbot/prod/right": "-1"}).As(vaulttest.DefaultService)
	source := &counter{Source: unsupported{session}}
	bind[pair](t, source, live.Config{Interval: time.Millisecond})
	for source.lists.Load() < 20 {
		time.Sleep(time.Millisecond)
	}
	is.Equal(source.gets.Load(), int64(2))
}

// counter counts the calls of a source.
type counter struct {
	live.Source
	gets, lists atomic.Int64
}

func (c *counter) Get(ctx context.Context, addr myvault.Address) (myvault.Secret, error) {
	c.gets.Add(1)
	return c.Source.Get(ctx, addr)
}

func (c *counter) List(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
	c.lists.Add(1)
	return c.Source.List(ctx, r)
}

// TestAllAreReadAgain: a right to read that was lost is noticed although the listing shows no
// change.
func TestAllAreReadAgain(t *testing.T) {
	is := is.New(t)
	vault := vaulttest.New(t, map[string]string{"newsbot/prod/left": "1", "newsbot/prod/right": "-1"}, vaulttest.Service(t, "app", "newsbot/@read+list"))
	errs := make(chan error, 1)
	bind[pair](t, vault.As("app"), live.Config{Interval: time.Millisecond, ReadInterval: time.Millisecond, OnError: func(err error) {
		select {
		case errs <- err:
		default:
		}
	}})
	policy, err := myvault.NewPolicy(vaulttest.Service(t, "app", "newsbot/@list"))
	is.NoErr(err)
	vault.SetPolicy(policy)
	is.True(errors.Is(<-errs, myvault.ErrDenied))
}

// unsupported is a source without watches.
type unsupported struct{ *myvault.Session }

func (unsupported) Watch(context.Context, myvault.WatchOptions) iter.Seq2[myvault.Event, error] {
	return func(yield func(myvault.Event, error) bool) { yield(myvault.Event{}, errors.ErrUnsupported) }
}

// TestWatch: a change is read at once, over a session and over HTTP, after another one ended the
// watch too.
func TestWatch(t *testing.T) {
	for _, name := range []string{"session", "client"} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			server := vaulttest.NewServer(t, map[string]string{"newsbot/prod/left": "1", "newsbot/prod/right": "-1"})
			session := server.Vault.As(vaulttest.DefaultService)
			var source live.Source = session
			if name == "client" {
				c, err := client.New(client.Config{
					Address: server.URL, Service: vaulttest.DefaultService, Token: myvault.Text(vaulttest.Token(vaulttest.DefaultService)),
				})
				is.NoErr(err)
				defer c.Close()
				source = c
			}
			changes := make(chan struct{}, 100)
			l := bind[pair](t, source, live.Config{Interval: time.Hour, OnChange: func() { changes <- struct{}{} }})
			for n := 2; n < 10; n++ {
				is.NoErr(putPair(t.Context(), session, fmt.Sprint(n), fmt.Sprint(-n)))
				for l.Load().Left != n {
					<-changes
				}
			}
			is.NoErr(l.Close())
		})
	}
}

// TestNoWatch: a store that reports no changes is listed at each interval.
func TestNoWatch(t *testing.T) {
	is := is.New(t)
	session := vaulttest.New(t, map[string]string{"newsbot/prod/left": "1", "newsbot/prod/right": "-1"}).As(vaulttest.DefaultService)
	changes := make(chan struct{}, 100)
	l := bind[pair](t, unsupported{session}, live.Config{Interval: time.Millisecond, OnChange: func() { changes <- struct{}{} }})
	is.NoErr(putPair(t.Context(), session, "2", "-2"))
	<-changes
	is.Equal(*l.Load(), pair{2, -2})
}
