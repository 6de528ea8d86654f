package vaultapi_test

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkRead is a read of a map of two members, without the network.
func BenchmarkRead(b *testing.B) {
	h, _, _ := newBare(b)
	w := httptest.NewRequest("POST", "/v1/"+db, strings.NewReader(`{"data":{"user":"app","password":"hunter2"}}`))
	w.Header.Set("X-Vault-Token", token("admin"))
	if answer := ask(h, w); answer.Code != 200 {
		b.Fatal(answer.Body)
	}
	r := httptest.NewRequest("GET", "/v1/"+db, nil)
	r.Header.Set("X-Vault-Token", token("admin"))
	b.ReportAllocs()
	for b.Loop() {
		if answer := ask(h, r); answer.Code != 200 {
			b.Fatal(answer.Body)
		}
	}
}
