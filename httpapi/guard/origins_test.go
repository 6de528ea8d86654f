package guard_test

import (
	"errors"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/guard"
)

func TestOriginsThatCannotBe(t *testing.T) {
	for _, text := range []string{"", "*", "null", "console.example.org", "https://", "https://console.example.org/", "https://*.example.org", "https://Console.example.org", "ftp://x", "https://u@x", "https://x?y"} {
		is := is.New(t)
		_, err := guard.New(guard.Config{AllowedOrigins: []string{text}})
		is.True(errors.Is(err, myvault.ErrInvalid))
	}
}
