package hashivault_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

// TestReadOnlyWritesNothing: it holds with and without a store.
func TestReadOnlyWritesNothing(t *testing.T) {
	is := is.New(t)
	server := fakevault.New(t)
	addr := myvault.Address{Project: "p", Path: "a"}
	change := myvault.Commit{By: "svc", Changes: []myvault.Change{{Op: myvault.OpPut, Address: addr, Value: myvault.Text("v")}}}
	config := fresh(server.Address, server.Token)
	for _, made := range []bool{false, true} {
		if made {
			s, err := hashivault.Open(t.Context(), config)
			is.NoErr(err)
			_, err = s.Apply(t.Context(), change)
			is.NoErr(err)
			is.NoErr(s.Close())
		}
		server.Requests()
		readOnly := config
		readOnly.ReadOnly = true
		s, err := hashivault.Open(t.Context(), readOnly)
		is.NoErr(err)
		is.Equal(s.Incarnation() != "", made)
		_, err = s.Get(t.Context(), addr, 0)
		is.Equal(err == nil, made)
		found := 0
		for _, err := range s.List(t.Context(), myvault.ListOptions{}) {
			is.NoErr(err)
			found++
		}
		is.Equal(found == 1, made)
		for _, err := range s.Projects(t.Context(), "") {
			is.NoErr(err)
		}
		is.NoErr(s.Ping(t.Context()))
		_, err = s.Apply(t.Context(), change)
		is.True(errors.Is(err, errors.ErrUnsupported))
		is.NoErr(s.Close())
		requests := server.Requests()
		is.True(len(requests) > 4)
		for _, r := range requests {
			method, _, _ := strings.Cut(r, " ")
			if method != "GET" && method != "LIST" && r != "POST sys" {
				t.Error(r)
			}
		}
	}
}
