package vaultclients

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/matryer/is"
)

// errNoSecret is returned by kv.get if the client says that there is no such secret.
var errNoSecret = errors.New("no secret")

// anyVersion is the check-and-set option of a write without one.
const anyVersion = -1

// kv is a client for the engine at the mount of its project. Paths are below the mount.
type kv interface {
	get(mount, path string) (map[string]any, error)
	put(path string, data map[string]any, cas int) error
	list(folder string) ([]string, error)
	remove(path string) error
	undelete(path string, version int) error
}

// runSteps does what every client must be able to do.
func runSteps(t *testing.T, s server, c kv) {
	is := is.New(t)
	is.NoErr(c.put("prod/db", map[string]any{"user": "app", "password": "hunter2"}, 0))
	got, err := c.get(service, "prod/db")
	is.NoErr(err)
	is.Equal(got, map[string]any{"user": "app", "password": "hunter2"})

	err = c.put("prod/db", map[string]any{"user": "app"}, 0)
	is.True(err != nil && strings.Contains(err.Error(), "check-and-set parameter did not match"))
	is.NoErr(c.put("prod/db", map[string]any{"value": "plain"}, 1))
	is.Equal(s.value(t, "prod/db"), "plain") // a map of one value is the value itself
	is.NoErr(c.put("prod/api/key", map[string]any{"value": "k"}, anyVersion))

	names, err := c.list("prod")
	is.NoErr(err)
	slices.Sort(names)
	is.Equal(names, []string{"api/", "db"})

	is.NoErr(c.remove("prod/db"))
	_, err = c.get(service, "prod/db")
	is.True(errors.Is(err, errNoSecret))
	is.NoErr(c.undelete("prod/db", 2))
	got, err = c.get(service, "prod/db")
	is.NoErr(err)
	is.Equal(got, map[string]any{"value": "plain"})

	s.put(t, "other", "prod/db", "not for newsbot")
	for _, path := range []string{"prod/db", "prod/none"} { // there or not
		_, err = c.get("other", path)
		is.True(err != nil && !errors.Is(err, errNoSecret))
		text := strings.ToLower(err.Error())
		is.True(strings.Contains(text, "permission denied") || strings.Contains(text, "403"))
		is.True(!strings.Contains(text, "not for newsbot"))
	}
}
