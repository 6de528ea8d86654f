package build_test

import (
	"fmt"
	"runtime"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/build"
)

func ExampleRead() {
	fmt.Println(build.Read().Go == runtime.Version())
	// Output: true
}
