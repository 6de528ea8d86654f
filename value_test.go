package myvault_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
)

const canary = "s3cr3t-canary"

// holder has a value where fmt cannot call its methods.
type holder struct {
	name  string
	value myvault.Value
}

func TestValueNeverPrints(t *testing.T) {
	value := myvault.Text(canary)
	secret := myvault.Secret{Value: value}
	shapes := map[string]any{
		"value": value, "pointer": &value, "secret": secret, "pointer to secret": &secret,
		"slice": []myvault.Value{value}, "map": map[string]myvault.Value{"k": value}, "unexported field": holder{"n", value},
		"change": myvault.Change{Value: value},
	}
	leaks := []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprint([]byte(canary)), strings.Trim(fmt.Sprint([]byte(canary)), "[]")}
	for name, shape := range shapes {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%08b", "%t", "%p", "%T", "%U", "%e", "%10.3s"} {
			t.Run(name+" "+verb, func(t *testing.T) {
				is := is.New(t)
				text := fmt.Sprintf(verb, shape)
				for _, leak := range leaks {
					is.True(!strings.Contains(text, leak)) // printed the secret
				}
			})
		}
	}
}

func TestValueRefusesEncoding(t *testing.T) {
	value := myvault.Text(canary)
	encoders := map[string]func() error{
		"json":        func() error { _, err := json.Marshal(value); return err },
		"json secret": func() error { _, err := json.Marshal(myvault.Secret{Value: value}); return err },
		"json key":    func() error { _, err := json.Marshal(map[string]any{"a": []any{value}}); return err },
		"xml":         func() error { _, err := xml.Marshal(value); return err },
		"gob":         func() error { return gob.NewEncoder(new(bytes.Buffer)).Encode(value) },
		"text":        func() error { _, err := value.MarshalText(); return err },
		"binary":      func() error { _, err := value.MarshalBinary(); return err },
	}
	for name, encode := range encoders {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			err := encode()
			is.True(err != nil)                             // a placeholder could be stored in place of the value
			is.True(!strings.Contains(err.Error(), canary)) // nor may the error contain it
		})
	}
}

func TestValueInLogs(t *testing.T) {
	is := is.New(t)
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		logger := slog.New(h)
		logger.Info("m", "value", myvault.Text(canary), "secret", myvault.Secret{Value: myvault.Text(canary)}, "group", slog.GroupValue(slog.Any("v", myvault.Text(canary))))
	}
	is.True(strings.Contains(log.String(), "[REDACTED]"))
	is.True(!strings.Contains(log.String(), canary))
}

func TestValueIsCopiedInAndOut(t *testing.T) {
	is := is.New(t)
	in := []byte("abc")
	v := myvault.Bytes(in)
	in[0] = 'X'
	is.Equal(v.Reveal(), "abc")
	v.RevealBytes()[0] = 'Y'
	is.Equal(v.Reveal(), "abc")
	is.Equal(v.Len(), 3)
	is.Equal(myvault.Value{}.Reveal(), "")
}

func TestValueLimits(t *testing.T) {
	is := is.New(t)
	is.NoErr(myvault.Bytes(make([]byte, myvault.MaxValue)).Validate())
	is.True(errors.Is(myvault.Bytes(make([]byte, myvault.MaxValue+1)).Validate(), myvault.ErrTooLarge))
	is.True(errors.Is(myvault.Text("").Validate(), myvault.ErrInvalid))
	is.True(errors.Is(myvault.Value{}.Validate(), myvault.ErrInvalid))
}
