package live

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"reflect"
	"strconv"
	"time"

	"github.com/myswiftagent/myvault"
)

// errParse is the error of parsers that have none.
var errParse = errors.New("malformed")

func parseJSON(to reflect.Value, raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(to.Addr().Interface()); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errParse
	}
	return nil
}

func parseValue(to reflect.Value, raw []byte) error {
	to.Set(reflect.ValueOf(myvault.Bytes(raw)))
	return nil
}

func parseBytes(to reflect.Value, raw []byte) error {
	to.SetBytes(bytes.Clone(raw))
	return nil
}

func parseDuration(to reflect.Value, raw []byte) error {
	d, err := time.ParseDuration(string(raw))
	to.SetInt(int64(d))
	return err
}

func parseText(to reflect.Value, raw []byte) error {
	text, ok := to.Addr().Interface().(encoding.TextUnmarshaler)
	if !ok {
		return errParse
	}
	return text.UnmarshalText(bytes.Clone(raw))
}

// scalarParser returns the parser of a kind, nil if there is none.
func scalarParser(kind reflect.Kind) parser {
	switch kind {
	case reflect.String:
		return func(to reflect.Value, raw []byte) error { to.SetString(string(raw)); return nil }
	case reflect.Bool:
		return func(to reflect.Value, raw []byte) error {
			b, err := strconv.ParseBool(string(raw))
			to.SetBool(b)
			return err
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(to reflect.Value, raw []byte) error {
			n, err := strconv.ParseInt(string(raw), 10, to.Type().Bits())
			to.SetInt(n)
			return err
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func(to reflect.Value, raw []byte) error {
			n, err := strconv.ParseUint(string(raw), 10, to.Type().Bits())
			to.SetUint(n)
			return err
		}
	case reflect.Float32, reflect.Float64:
		return func(to reflect.Value, raw []byte) error {
			n, err := strconv.ParseFloat(string(raw), to.Type().Bits())
			to.SetFloat(n)
			return err
		}
	}
	return nil
}

// pemParser returns the parser of a type of keys or certificates, nil if there is none.
func pemParser(of reflect.Type) parser {
	switch of {
	case reflect.TypeFor[tls.Certificate]():
		return pemOf(func(raw []byte) (tls.Certificate, error) { return tls.X509KeyPair(raw, raw) })
	case reflect.TypeFor[[]*x509.Certificate]():
		return pemOf(certificates)
	case reflect.TypeFor[*x509.CertPool]():
		return pemOf(func(raw []byte) (*x509.CertPool, error) {
			all, err := certificates(raw)
			pool := x509.NewCertPool()
			for _, c := range all {
				pool.AddCert(c)
			}
			return pool, err
		})
	case reflect.TypeFor[crypto.Signer]():
		return pemOf(privateKey)
	}
	return nil
}

func pemOf[T any](parse func([]byte) (T, error)) parser {
	return func(to reflect.Value, raw []byte) error {
		parsed, err := parse(raw)
		if err == nil {
			to.Set(reflect.ValueOf(&parsed).Elem())
		}
		return err
	}
}

// certificates returns the certificates in PEM: at least one, and nothing else.
func certificates(raw []byte) (all []*x509.Certificate, err error) {
	for block, rest := pem.Decode(raw); ; block, rest = pem.Decode(rest) {
		if block == nil {
			if len(all) == 0 || len(bytes.TrimSpace(rest)) > 0 {
				return nil, errParse
			}
			return all, nil
		}
		if block.Type != "CERTIFICATE" {
			return nil, errParse
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
}

// privateKey returns the one key in PEM: PKCS #8, PKCS #1 or SEC 1.
func privateKey(raw []byte) (crypto.Signer, error) {
	block, rest := pem.Decode(raw)
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errParse
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return signer(key)
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	return key, nil
}

func signer(key any) (crypto.Signer, error) {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key, nil
	case *ecdsa.PrivateKey:
		return key, nil
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, errParse
}
