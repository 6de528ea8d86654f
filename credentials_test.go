package myvault_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/tokens"
)

// TestCredentialsNeverPrint, by whatever verb, logger or encoder.
func TestCredentialsNeverPrint(t *testing.T) {
	type login struct{ C any }
	shared, bearer := myvault.Credentials{Service: canary, Token: canary}, tokens.Credentials{Bearer: canary}
	for name, shape := range map[string]any{
		"shared": shared, "pointer": &shared, "in a struct": login{shared}, "in a slice": []myvault.Credentials{shared},
		"bearer": bearer, "pointer to bearer": &bearer, "bearer in a struct": login{&bearer}, "bearer in a map": map[string]tokens.Credentials{"k": bearer},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			var text bytes.Buffer
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%08b", "%o", "%O", "%c", "%t", "%T", "%U", "%e", "%g", "%10.3s"} {
				fmt.Fprintf(&text, verb+"\n", shape)
			}
			fmt.Fprintln(&text, shape)
			for _, h := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&text, nil)} {
				slog.New(h).Info("m", "c", shape)
			}
			for _, encode := range []func(any) ([]byte, error){json.Marshal, xml.Marshal} {
				_, err := encode(shape)
				is.True(err != nil) // or it would stand there
				fmt.Fprintln(&text, err)
			}
			for _, leak := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprintf("% x", canary), strings.Trim(fmt.Sprint([]byte(canary)), "[]")} {
				is.True(!strings.Contains(text.String(), leak)) // printed the token
			}
		})
	}
}
