package edit_test

import (
	"fmt"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/edit"
)

func ExampleDiff() {
	fmt.Print(edit.Diff("host=db\nuser=me\n", "host=db\nuser=you\n"))
	// Output:
	// - user=me
	// + user=you
}
