package main

import (
	"context"
	"log"
	"os"

	"github.com/myswiftagent/myvault/crypto"
)

func Example() {
	dir, err := os.MkdirTemp("", "myvault-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := run(context.Background(), dir, crypto.NewKey()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// newsbot/prod/db/password version 1 by newsbot: [REDACTED], 7 bytes
}
