package hashivault_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/vaultserver"
	"github.com/myswiftagent/myvault/providers/hashivault"
)

// writeLayout1 writes a store of layout 1, whose records have no names, below the base path of
// config.
func writeLayout1(t *testing.T, server *vaultserver.Server, config hashivault.Config) {
	t.Helper()
	below := "secret/data/" + config.Base
	for path, data := range map[string]string{
		"/store":             `{"layout":"1","incarnation":"abc","change":{"x":""}}`,
		"/projects/newsbot":  `{"description":"news","by":"me","at":"2026-11-23T15:04:05.000000Z","state":"registered","id":"i","change":{"x":""}}`,
		"/default":           `{"project":"newsbot","id":"i","change":{"x":""}}`,
		"/secrets/newsbot/a": `{"value":"of a","by":{"me":""},"at":{"2026-11-23T15:04:05.000000Z":""},"change":{"x":""}}`,
		"/secrets/newsbot/b": `{"value":"of b","by":{"me":""},"at":{"2026-11-23T15:04:05.000000Z":""},"change":{"x":""}}`,
		"/secrets/newsbot/c": `{"value":"of c","by":{"me":""},"at":{"2026-11-23T15:04:05.000000Z":""},"change":{"x":""}}`,
	} {
		server.Must(t, "POST", below+path, `{"data":`+data+`}`)
	}
	server.Must(t, "POST", "secret/delete/"+config.Base+"/secrets/newsbot/c", `{"versions":[1]}`)
}

// TestRecordsWithoutAName: in a store of layout 1 they are read as before, and get a name at
// the next write.
func TestRecordsWithoutAName(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) {
		is := is.New(t)
		config := fresh(server.Address, server.Token)
		writeLayout1(t, server, config)
		s := opened(t, config)
		is.Equal(s.Incarnation(), "abc")
		secret, err := s.Get(t.Context(), at("newsbot/a"), 0)
		is.NoErr(err)
		is.Equal(secret.Value.Reveal(), "of a")
		is.Equal(states(t, s, "newsbot/a"), []string{"1 live"})
		is.Equal(states(t, s, "newsbot/c"), []string{"1 deleted"})
		is.NoErr(last(s.List(t.Context(), myvault.ListOptions{})))
		projects, err := lines(s.Projects(t.Context(), ""), projectLine)
		is.NoErr(err)
		is.Equal(projects, []string{`newsbot "news" default true by me`})

		named := func(path string) bool {
			_, text := server.Do(t, "GET", "secret/metadata/"+config.Base+path, "")
			return strings.Contains(text, `"myvault_key":"abc`+path+`"`)
		}
		is.True(!named("/secrets/newsbot/a"))
		do(t, s, put("newsbot/a", "2", myvault.IfVersion(1))) // by a patch
		do(t, s, put("newsbot/b", "2"))
		do(t, s, change(myvault.OpUndelete, "newsbot/c"), change(myvault.OpDelete, "newsbot/c"))
		do(t, s, myvault.Change{Op: myvault.OpPutProject, Project: myvault.Project{Name: "newsbot", Description: "new"}})
		is.True(named("/secrets/newsbot/c"))
		for _, path := range []string{"/secrets/newsbot/a", "/secrets/newsbot/b", "/projects/newsbot"} {
			text := server.Must(t, "GET", "secret/data/"+config.Base+path, "")
			is.True(strings.Contains(text, `"key":{"abc`+path+`":""}`))
			is.True(named(path))
		}

		// A record at another record's key looks like a misdirected answer.
		server.Must(t, "POST", "secret/data/"+config.Base+"/secrets/newsbot/d", `{"data":{"value":"of a","key":{"abc/secrets/newsbot/a":""}}}`)
		_, err = s.Get(t.Context(), at("newsbot/d"), 0)
		is.True(errors.Is(err, myvault.ErrTampered))
		is.True(errors.Is(last(s.List(t.Context(), myvault.ListOptions{})), myvault.ErrTampered))
		is.True(errors.Is(last(s.Versions(t.Context(), at("newsbot/d"), 0)), myvault.ErrTampered))
	})
}

// TestANewStoreHasNoRecordsWithoutAName: a record without a name is from another store.
func TestANewStoreHasNoRecordsWithoutAName(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) {
		is := is.New(t)
		config := fresh(server.Address, server.Token)
		s := opened(t, config)
		do(t, s, put("newsbot/a", "1"))
		server.Must(t, "POST", "secret/data/"+config.Base+"/secrets/newsbot/b", `{"data":{"value":"x","by":{"me":""}}}`)
		_, err := s.Get(t.Context(), at("newsbot/b"), 0)
		is.True(errors.Is(err, myvault.ErrTampered))
		is.True(errors.Is(last(s.Versions(t.Context(), at("newsbot/b"), 0)), myvault.ErrTampered))
	})
}

// TestTheLongestNames: the custom metadata, which takes 512 bytes, has a digest of them.
func TestTheLongestNames(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) {
		is := is.New(t)
		config := fresh(server.Address, server.Token)
		s := opened(t, config)
		segment := strings.Repeat("x", 128)
		longest := segment + strings.Repeat("/"+segment, myvault.MaxDepth)
		do(t, s, put(longest, "1"), put(longest, "2", myvault.IfVersion(1)), change(myvault.OpDelete, longest))
		is.Equal(states(t, s, longest), []string{"2 deleted", "1 live"})
		text := server.Must(t, "GET", "secret/metadata/"+config.Base+"/secrets/"+longest, "")
		is.True(strings.Contains(text, `"myvault_key":"sha256:`))
	})
}
