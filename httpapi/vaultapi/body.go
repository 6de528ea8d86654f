package vaultapi

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/myswiftagent/myvault/httpapi/internal/request"
)

// maxBody is the size limit of a request body, in bytes (1 MiB).
const maxBody = 1 << 20

// decode reads the body into a struct. Vault's clients send no Content-Type, and a real Vault
// ignores members that it does not know. Errors never repeat the body: it may contain a secret.
func (c *call) decode(into any) error {
	limits := request.BodyLimits{Max: maxBody, Bodies: c.api.config.Guard.Bodies(), Service: c.service()}
	if c.session == nil {
		limits.Max = request.LargeBody // a stranger only logs in
	}
	body, err := request.Body(c.ctx, c.writer, c.request, limits)
	switch {
	case errors.Is(err, request.ErrTooLarge):
		return refuse(http.StatusRequestEntityTooLarge, "the body is too large: myVault takes 1 MiB")
	case errors.Is(err, request.ErrEnded):
		return refuse(http.StatusBadRequest, "the body ended early")
	case err != nil:
		return err
	}
	if len(body) == 0 {
		return nil
	}
	if len(body) > request.LargeBody { // before it is decoded, which takes many times its size
		if err := c.enterLarge(); err != nil {
			return err
		}
	}
	if !jsontext.Value(body).IsValid() {
		return refuse(http.StatusBadRequest, "error parsing JSON: send one object in valid UTF-8, without duplicate names")
	}
	err = json.Unmarshal(body, into)
	if many, over := errors.AsType[*request.TooManyError](err); over {
		return refuse(http.StatusBadRequest, fmt.Sprintf("a member has more than %d items: send fewer at once", many.Max))
	}
	if err != nil {
		return refuse(http.StatusBadRequest, "error parsing JSON: a member has the wrong type")
	}
	return nil
}
