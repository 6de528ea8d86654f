package run_test

import (
	"fmt"
	"os"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/run"
)

func ExampleVariables() {
	variables, err := run.Variables(map[string]myvault.Value{
		"db/password": myvault.Text("hunter2"),
		"api-key":     myvault.Text("secret"),
	}, map[string]string{"db/password": "PGPASSWORD"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, v := range variables {
		fmt.Println(v.Name)
	}
	// Output:
	// API_KEY
	// PGPASSWORD
}

func ExampleMasker() {
	m := run.NewMasker(os.Stdout, run.NewPatterns([]byte("hunter2")))
	for _, chunk := range []string{"the password is hun", "ter2, and so on\n"} {
		if _, err := m.Write([]byte(chunk)); err != nil {
			fmt.Println(err)
		}
	}
	if err := m.Close(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// the password is ********, and so on
}
