package live_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/live"
	"github.com/myswiftagent/myvault/vaulttest"
)

// database accepts one password. It is a driver, its connector and its connections.
type database struct {
	password *atomic.Pointer[string]
	attempts *atomic.Int64
	with     string
}

// sqlError is an error as pgx has it.
type sqlError string

func (e sqlError) Error() string    { return "refused: " + string(e) }
func (e sqlError) SQLState() string { return string(e) }

func (d database) Connect(context.Context) (driver.Conn, error) {
	d.attempts.Add(1)
	if d.with == "" {
		return nil, sqlError("08001")
	}
	if d.with != *d.password.Load() {
		return nil, sqlError("28P01")
	}
	return d, nil
}

func (d database) Open(string) (driver.Conn, error)    { return nil, driver.ErrSkip }
func (d database) Driver() driver.Driver               { return d }
func (d database) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (d database) Begin() (driver.Tx, error)           { return nil, driver.ErrSkip }
func (d database) Close() error                        { return nil }
func (d database) Ping(context.Context) error          { return nil }
func (d database) ResetSession(context.Context) error  { return nil }
func (d database) IsValid() bool                       { return true }
func newDatabase(password string) database {
	d := database{password: &atomic.Pointer[string]{}, attempts: &atomic.Int64{}}
	d.password.Store(&password)
	return d
}

type credentials struct {
	Password myvault.Value `vault:"prod/db/password"`
}

// opener returns the driver's connector of a set.
func (d database) opener(c *credentials) (driver.Connector, error) {
	d.with = c.Password.Reveal()
	if d.with == "broken" {
		return nil, errors.New("a malformed DSN")
	}
	return d, nil
}

func TestConnector(t *testing.T) {
	is := is.New(t)
	session := vaulttest.New(t, map[string]string{"newsbot/prod/db/password": "one"}).As(vaulttest.DefaultService)
	l := bind[credentials](t, session, live.Config{Interval: time.Hour})
	d := newDatabase("one")
	pool := sql.OpenDB(l.Connector(d.opener, nil))
	defer pool.Close()
	pool.SetMaxIdleConns(0) // each call is a log-in
	is.NoErr(pool.PingContext(t.Context()))
	is.Equal(d.attempts.Load(), int64(1))

	two := "two"
	d.password.Store(&two) // in the database only
	err := pool.PingContext(t.Context())
	is.Equal(err, sqlError("28P01"))
	is.Equal(d.attempts.Load(), int64(2)) // not tried again with the same password
	put(t, session, "prod/db/password", "two")
	is.NoErr(pool.PingContext(t.Context()))
	is.Equal(d.attempts.Load(), int64(4))
	is.NoErr(pool.PingContext(t.Context()))
	is.Equal(d.attempts.Load(), int64(5))
	_, ok := pool.Driver().(database)
	is.True(ok)

	put(t, session, "prod/db/password", "three")
	is.NoErr(l.Refresh(t.Context()))
	is.Equal(pool.PingContext(t.Context()), sqlError("28P01")) // the vault is ahead of the database
	is.Equal(d.attempts.Load(), int64(6))

	put(t, session, "prod/db/password", "broken")
	is.NoErr(l.Refresh(t.Context()))
	is.True(pool.PingContext(t.Context()) != nil)
	_, err = pool.Driver().Open("")
	is.True(errors.Is(err, myvault.ErrUnavailable))
}

// TestConnectorRetriesRefusalsOnly: another error is not a reason to read secrets.
func TestConnectorRetriesRefusalsOnly(t *testing.T) {
	is := is.New(t)
	session := vaulttest.New(t, map[string]string{"newsbot/prod/db/password": "one"}).As(vaulttest.DefaultService)
	source := &counter{Source: session}
	l := bind[credentials](t, source, live.Config{Interval: time.Hour})
	gets := source.gets.Load()
	down := errors.New("no route to host")
	refusing := func(*credentials) (driver.Connector, error) { return nil, down }
	_, err := l.Connector(refusing, nil).Connect(t.Context())
	is.Equal(err, down)
	is.Equal(source.gets.Load(), gets)
	_, err = l.Connector(refusing, func(err error) bool { return err == down }).Connect(t.Context())
	is.Equal(err, down)
	is.Equal(source.gets.Load(), gets+1)
}

// TestRotationWithoutFailure rotates a password as an operator does, in the database first, while
// 16 goroutines log in. The log-ins between the two steps wait for the vault.
func TestRotationWithoutFailure(t *testing.T) {
	is := is.New(t)
	session := vaulttest.New(t, map[string]string{"newsbot/prod/db/password": "0"}).As(vaulttest.DefaultService)
	l := bind[credentials](t, session, live.Config{Interval: time.Hour})
	d := newDatabase("0")
	pool := sql.OpenDB(l.Connector(d.opener, nil))
	defer pool.Close()
	pool.SetMaxIdleConns(0)
	var rotating sync.RWMutex
	var failed, logins atomic.Int64
	var clients sync.WaitGroup
	stop := make(chan struct{})
	for range 16 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				rotating.RLock()
				if pool.PingContext(context.Background()) != nil {
					failed.Add(1)
				}
				rotating.RUnlock()
				logins.Add(1)
			}
		})
	}
	for n := range 50 {
		rotating.Lock() // the two steps of a rotation are one moment here
		password := string(rune('a' + n%26))
		d.password.Store(&password)
		put(t, session, "prod/db/password", password)
		rotating.Unlock()
	}
	close(stop)
	clients.Wait()
	is.Equal(failed.Load(), int64(0))
	t.Logf("%d log-ins over 50 rotations", logins.Load())
}
