package crypto_test

import (
	"bytes"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
)

func TestWrapAndUnwrap(t *testing.T) {
	is := is.New(t)
	m, err := crypto.NewMaster(crypto.NewKey(), fixed("vault a", 16))
	is.NoErr(err)
	k := crypto.NewKey()
	wrapped, err := m.Wrap(k, crypto.LabelData, 3)
	is.NoErr(err)
	is.Equal(len(wrapped), 12+crypto.KeySize+16)
	again, err := m.Unwrap(wrapped, crypto.LabelData, 3)
	is.NoErr(err)
	is.Equal(again.Text(), k.Text())

	check := m.CheckValue()
	check[0]++
	is.True(!m.Matches(check))
	is.True(m.Matches(m.CheckValue())) // Check returns a copy
	is.Equal(crypto.Genesis(), make([]byte, crypto.MACSize))
}

// FuzzUnwrap checks that a wrapped key opens only unaltered, with its own label and epoch.
func FuzzUnwrap(f *testing.F) {
	vault := fixed("vault a", 16)
	master, err := crypto.NewMaster(crypto.NewKey(), vault)
	if err != nil {
		f.Fatal(err)
	}
	wrapped, err := master.Wrap(crypto.NewKey(), crypto.LabelData, 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wrapped, crypto.LabelData, uint32(2))
	f.Add(wrapped, crypto.LabelTrail, uint32(1))
	f.Add(wrapped[1:], crypto.LabelData, uint32(1))
	f.Add([]byte(nil), "", uint32(0))
	f.Fuzz(func(t *testing.T, b []byte, label string, epoch uint32) {
		if len(label) > 255 {
			return // a label is not longer
		}
		key, err := master.Unwrap(b, label, epoch)
		same := bytes.Equal(b, wrapped) && label == crypto.LabelData && epoch == 1
		if (err == nil) != same || err != nil && !key.IsZero() {
			t.Fatalf("%v for a key that was wrapped: %v", err, same)
		}
	})
}
