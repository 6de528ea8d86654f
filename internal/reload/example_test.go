package reload_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/myswiftagent/myvault/internal/reload"
)

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "settings")
	_ = os.WriteFile(path, []byte("old"), 0o600)

	files := reload.New(path)
	_ = os.WriteFile(path, []byte("new"), 0o600)
	ctx, cancel := context.WithCancel(context.Background())
	load := func() error {
		text, err := os.ReadFile(path)
		fmt.Println("now", string(text))
		return err
	}
	files.Run(ctx, time.Millisecond, load, func(error) { cancel() })
	// Output: now new
}
