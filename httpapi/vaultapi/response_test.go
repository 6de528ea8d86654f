package vaultapi

import (
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tokens"
)

// unwritable is data that the encoder refuses, with an error that must not be logged.
type unwritable struct{}

func (unwritable) MarshalJSON() ([]byte, error) { return nil, errors.New("hunter2") }

// TestAnAnswerThatCannotBeWritten is 500, or 409 after a change. The log has the cause.
func TestAnAnswerThatCannotBeWritten(t *testing.T) {
	for method, status := range map[string]int{"GET": 500, "POST": 409} {
		is := is.New(t)
		policy, err := myvault.ParsePolicy(map[string]string{"ALLOWED_SERVICES": "admin"})
		is.NoErr(err)
		vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
		is.NoErr(err)
		defer vault.Close()
		issuer, err := tokens.New(vault, tokens.Config{})
		is.NoErr(err)
		var logs strings.Builder
		h, err := New(vault, issuer, Config{Logger: slog.New(slog.NewJSONHandler(&logs, nil))})
		is.NoErr(err)
		r, w := httptest.NewRequest(method, "/v1/newsbot/data/a", nil), httptest.NewRecorder()
		c := &call{api: h, request: r, writer: w, ctx: t.Context(), op: operationOf(method, nil)}
		code, size := c.write(response{data: unwritable{}}, nil)
		c.log(code, size, 0, nil)
		is.Equal(w.Code, status)
		is.True(strings.Contains(w.Body.String(), `"errors":["`))
		is.True(strings.Contains(logs.String(), "cannot be written as JSON"))
		is.True(!strings.Contains(logs.String()+w.Body.String(), "hunter2"))
	}
}
