package crypto_test

import (
	"errors"
	"fmt"

	"github.com/myswiftagent/myvault/crypto"
)

// A master key wraps the data key of an epoch, and the data key seals values, each bound to
// one place.
func Example() {
	vault := []byte("sixteen bytes id")
	master, err := crypto.NewMaster(crypto.NewKey(), vault)
	if err != nil {
		panic(err)
	}
	data := crypto.NewKey()
	wrapped, err := master.Wrap(data, crypto.LabelData, 1)
	if err != nil {
		panic(err)
	}
	fmt.Println(len(wrapped), "bytes to store the data key", data)

	sealer, err := crypto.NewSealer(data, vault, 1)
	if err != nil {
		panic(err)
	}
	at := crypto.RecordID{Project: "newsbot", Path: "prod/db", Version: 1}
	record := sealer.Seal(nil, at, []byte("s3cret"))
	value, err := sealer.Open(nil, at, record)
	fmt.Printf("%s %v\n", value, err)

	at.Version = 2
	_, err = sealer.Open(nil, at, record)
	fmt.Println(errors.Is(err, crypto.ErrOpen))
	// Output:
	// 60 bytes to store the data key [REDACTED]
	// s3cret <nil>
	// true
}
