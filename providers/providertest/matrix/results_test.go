package main

import (
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/providers/providertest"
)

// events is output of go test -json.
const events = `
{"Action":"run","Package":"example.com/vault/providers/disk","Test":"TestConformance"}
{"Action":"output","Package":"example.com/vault/providers/disk","Test":"TestConformance/put/one","Output":"--- PASS: TestConformance/put/one (0.00s)\n"}
{"Action":"pass","Package":"example.com/vault/providers/disk","Test":"TestConformance/put/one"}
{"Action":"fail","Package":"example.com/vault/providers/disk","Test":"TestConformance/put/two"}
{"Action":"output","Package":"example.com/vault/providers/cloud","Test":"TestConformance/put/one","Output":"    providertest.go:1: lacks Trail\n"}
{"Action":"pass","Package":"example.com/vault/providers/cloud","Test":"TestConformance/put/one"}
{"Action":"pass","Package":"example.com/vault/providers/cloud","Test":"TestOther/put/two"}
{"Action":"pass","Package":"example.com/vault/providers/cloud"}
`

func TestTable(t *testing.T) {
	is := is.New(t)
	r, err := read(strings.NewReader(events))
	is.NoErr(err)
	is.Equal(r.table([]providertest.Clause{
		{Name: "put/one", Promise: "One."},
		{Name: "put/two", Promise: "Two."},
	}), `2 clauses.
- cloud: 1 **not run**, 1 lacks Trail
- disk: 1 **broken**, 1 kept

| clause | promise | cloud | disk |
| --- | --- | --- | --- |
| `+"`put/one`"+` | One. | lacks Trail | kept |
| `+"`put/two`"+` | Two. | **not run** | **broken** |
`)
}

func TestReadBadEvents(t *testing.T) {
	is := is.New(t)
	_, err := read(strings.NewReader(`{"Action":"run"} FAIL`))
	is.True(err != nil) // invalid JSON is an error, not an empty table

	_, err = read(strings.NewReader(`
{"ImportPath":"example.com/vault/providers/disk","Action":"build-output","Output":"disk.go:7:2: undefined: spin\n"}
{"Action":"fail","Package":"example.com/vault/providers/disk","FailedBuild":"example.com/vault/providers/disk"}
`))
	is.True(err != nil)                                 // a package that does not build is an error, not a missing column
	is.True(strings.Contains(err.Error(), "undefined")) // the error contains the compiler's message
}
