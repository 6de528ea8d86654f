package formats_test

import (
	"fmt"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/formats"
)

func Example() {
	entries, problems, err := formats.Decode("dotenv", []byte("USER=me\nPASSWORD=\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range problems {
		fmt.Println(p)
	}
	text, _, err := formats.Encode("json", entries, formats.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(string(text))
	// Output:
	// PASSWORD: the value is empty, and a secret cannot be
	// {
	//   "USER": "me"
	// }
}
