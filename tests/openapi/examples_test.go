package openapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tests/openapi"
	"github.com/myswiftagent/myvault/tokens"
)

const token = "commonUI-token-0123456789"

// chainedStore is a store whose trail has heads, like the local one.
type chainedStore struct{ *memory.Provider }

func (chainedStore) Heads(context.Context) ([]myvault.Head, error) {
	mac := make([]byte, 32)
	for i := range mac {
		mac[i] = [2]byte{0xAB, 0x01}[i%2]
	}
	return []myvault.Head{
		{Chain: myvault.ChainChanges, Seq: 7, At: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), MAC: mac},
		{Chain: myvault.ChainAccess},
	}, nil
}

// newHandler returns a handler with the secrets that the examples use.
func newHandler(t *testing.T) http.Handler {
	t.Helper()
	is := is.New(t)
	policy, err := myvault.ParsePolicy(map[string]string{
		"ALLOWED_SERVICES": "commonUI,newsbot",
		"TOKEN_commonUI":   token,
		"TOKEN_newsbot":    "newsbot-token-0123456789",
		"ALLOW_commonUI":   "*/@read+write+delete+list+destroy+audit",
		"ALLOW_newsbot":    "newsbot/prod/@read+list",
	})
	is.NoErr(err)
	vault, err := myvault.New(chainedStore{memory.New(memory.Config{})}, policy, myvault.Config{})
	is.NoErr(err)
	t.Cleanup(func() { is.NoErr(vault.Close()) })
	s := vault.As("commonUI")
	for _, v := range []struct{ path, value string }{
		{"prod/db/password", "hunter2"}, {"prod/db/password", "hunter3"}, {"prod/old", "x"}, {"prod/smtp/password", "correct horse"}, {"prod/key", "\xff\x00"},
	} {
		_, err := s.Put(t.Context(), myvault.Address{Project: "newsbot", Path: v.path}, myvault.Text(v.value))
		is.NoErr(err)
	}
	is.NoErr(s.Delete(t.Context(), myvault.Address{Project: "newsbot", Path: "prod/old"}))
	_, err = s.SetDefaultProject(t.Context(), "newsbot")
	is.NoErr(err)
	_, err = s.PutProject(t.Context(), myvault.Project{Name: "rag", Description: "retrieval"})
	is.NoErr(err)
	handler, err := httpapi.New(vault, httpapi.Config{Tokens: newIssuer(t, vault)})
	is.NoErr(err)
	return handler
}

// newIssuer returns an issuer that has minted commonUI.0.1 and may mint one more.
func newIssuer(t *testing.T, vault *myvault.Vault) *tokens.Issuer {
	t.Helper()
	is := is.New(t)
	first, err := tokens.New(vault, tokens.Config{MaxPerService: 1})
	is.NoErr(err)
	rule, err := myvault.ParseRule("newsbot/prod/@read")
	is.NoErr(err)
	_, err = first.Mint(t.Context(), vault.As("commonUI"), tokens.Grant{Rules: []myvault.Rule{rule}})
	is.NoErr(err)
	both, err := tokens.New(vault, tokens.Config{MaxPerService: 2})
	is.NoErr(err)
	return both
}

// TestExamplesAreCorrect sends every example request and compares the response with the example of
// the same name.
func TestExamplesAreCorrect(t *testing.T) {
	cases, err := loadDocument(t).Cases()
	is.New(t).NoErr(err)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			is := is.New(t)
			status, answer := send(t, newHandler(t), c.Request)
			is.Equal(status, c.Status)
			if c.Answer != nil && !openapi.Equal(answer, c.Answer) {
				got, err := json.Marshal(answer)
				is.NoErr(err)
				t.Errorf("got %s", got)
			}
		})
	}
	is.New(t).True(len(cases) >= 40) // the examples were found
	t.Logf("%d examples", len(cases))
}

// TestProblemExamplesOccur checks that the handler has the text of every problem in the document,
// including problems without an example request.
func TestProblemExamplesOccur(t *testing.T) {
	is := is.New(t)
	golden, err := os.ReadFile("../../httpapi/testdata/problems.golden")
	is.NoErr(err)
	occur := strings.Split(string(golden), "\n")
	var problems []map[string]any
	var value any
	is.NoErr(json.Unmarshal(servedDocument(t), &value))
	for nodes := []any{value}; len(nodes) > 0; nodes = nodes[1:] {
		switch node := nodes[0].(type) {
		case []any:
			nodes = append(nodes, node...)
		case map[string]any:
			if node["type"] == "about:blank" {
				problems = append(problems, node)
			}
			nodes = slices.AppendSeq(nodes, maps.Values(node))
		}
	}
	for _, p := range problems {
		if line := fmt.Sprint(p["status"], " ", p["detail"]); !slices.Contains(occur, line) {
			t.Errorf("no request gets the response %q", line)
		}
		status, _ := p["status"].(float64)
		is.Equal(p["title"], http.StatusText(int(status)))
	}
	is.True(len(problems) >= 20) // the problems were found
}

// send returns the status and the JSON value of the response.
func send(t *testing.T, handler http.Handler, r *http.Request) (status int, answer any) {
	t.Helper()
	r.Header.Set("X-Service", "commonUI")
	r.Header.Set("X-Token", token)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Error(err)
		}
	}
	return w.Code, answer
}

func TestAWrongExampleIsFound(t *testing.T) {
	for name, change := range map[string][2]string{
		"another value":                {`"value": "hunter3"`, `"value": "hunter4"`},
		"a secret that does not exist": {`"removed": {"value": "prod/db/password"}`, `"removed": {"value": "prod/none"}`},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			cases, err := changedDocument(t, change[0], change[1]).Cases()
			is.NoErr(err)
			for _, c := range cases {
				status, answer := send(t, newHandler(t), c.Request)
				if status != c.Status || c.Answer != nil && !openapi.Equal(answer, c.Answer) {
					return
				}
			}
			t.Error("every example passed")
		})
	}
}

func TestIncompleteExamplesAreRejected(t *testing.T) {
	for name, change := range map[string][2]string{
		"a request without an answer":   {`"taken": {"summary": "A name`, `"more": {"value": {"name": "more"}}, "taken": {"summary": "A name`},
		"an answer without a parameter": {`"current": {"value": "prod/db/password"},`, ``},
		"an answer without a body":      {`"stale": {"summary": "Text", "value": {"value": "hunter4"}},`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			_, err := changedDocument(t, change[0], change[1]).Cases()
			is.True(err != nil)
		})
	}
}
