package live

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/myswiftagent/myvault"
)

// Connector returns a connector for [sql.OpenDB]. Open returns the connector of the driver for a
// set; it is called once for each set. If a database refuses the password of a new connection, the
// secrets are read again, and if they have changed, the connection is tried once more.
//
// Refused reports whether an error is such a refusal. Nil: an error with a method SQLState() string
// that returns class 28, as those of pgx and lib/pq have. Connections that are open remain.
func (l *Live[T]) Connector(open func(*T) (driver.Connector, error), refused func(error) bool) driver.Connector {
	if refused == nil {
		refused = isInvalidAuthorization
	}
	return &connector[T]{live: l, open: open, refused: refused}
}

// isInvalidAuthorization reports whether err is of class 28 of SQL, such as 28P01.
func isInvalidAuthorization(err error) bool {
	var of interface{ SQLState() string }
	return errors.As(err, &of) && strings.HasPrefix(of.SQLState(), "28")
}

type connector[T any] struct {
	live    *Live[T]
	open    func(*T) (driver.Connector, error)
	refused func(error) bool

	mu     sync.Mutex
	set    *T // that actual is of
	actual driver.Connector
}

// Connect returns a connection with the current set.
func (c *connector[T]) Connect(ctx context.Context) (driver.Conn, error) {
	set, conn, err := c.try(ctx)
	if err == nil || !c.refused(err) {
		return conn, err
	}
	if c.live.Load() == set {
		if wrong := c.live.Refresh(ctx); wrong != nil {
			return nil, errors.Join(err, wrong)
		}
	}
	if c.live.Load() == set {
		return nil, err
	}
	_, conn, err = c.try(ctx)
	return conn, err
}

// try connects once, and returns the set that it used.
func (c *connector[T]) try(ctx context.Context) (*T, driver.Conn, error) {
	set := c.live.Load()
	actual, err := c.connector(set)
	if err != nil {
		return set, nil, err
	}
	conn, err := actual.Connect(ctx)
	return set, conn, err
}

// connector returns the driver's connector of a set.
func (c *connector[T]) connector(set *T) (driver.Connector, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set == set && c.actual != nil {
		return c.actual, nil
	}
	actual, err := c.open(set)
	if err != nil {
		return nil, err
	}
	c.set, c.actual = set, actual
	return actual, nil
}

// Driver returns the driver of the current set.
func (c *connector[T]) Driver() driver.Driver {
	actual, err := c.connector(c.live.Load())
	if err != nil {
		return noDriver{}
	}
	return actual.Driver()
}

// noDriver is the driver of a connector that cannot be opened.
type noDriver struct{}

func (noDriver) Open(string) (driver.Conn, error) {
	return nil, fmt.Errorf("live: %w: the connector of the set cannot be opened", myvault.ErrUnavailable)
}
