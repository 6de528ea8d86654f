package httpapi

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/myswiftagent/myvault"
)

// version is one line of a secret's history.
type version struct {
	Version   uint64 `json:"version"`
	State     string `json:"state"`
	UpdatedAt string `json:"updated_at"`
	UpdatedBy string `json:"updated_by"`
	times
}

func (c *call) listVersions() (answer, error) {
	history, err := c.history()
	return answer{body: history}, err
}

func (c *call) history() ([]version, error) {
	var history []version
	for info, err := range c.session.Versions(c.ctx(), c.addr) {
		if err != nil {
			return nil, err
		}
		history = append(history, version{uint64(info.Version), info.State.String(), timestamp(info.At), info.By, timesOf(info)})
	}
	return history, nil
}

// versionsBody asks for a change of what became of versions.
type versionsBody struct {
	Op       *string       `json:"op"`
	Versions array[uint64] `json:"versions"`
	All      *bool         `json:"all"`
}

// maxVersions is the largest number of versions in one body.
const maxVersions = 1000

// changeVersions answers the history as it is after the change, or 204 where the caller may
// make the change but not list.
func (c *call) changeVersions() (answer, error) {
	body := versionsBody{Versions: array[uint64]{limit: maxVersions}}
	if err := c.decode(&body, "the string op and, to destroy, versions (numbers) or all (true)"); err != nil {
		return answer{}, err
	}
	change, err := body.change(c.addr)
	if err != nil {
		return answer{}, err
	}
	if change.Op == myvault.OpUndelete {
		_, err = c.session.Undelete(c.ctx(), c.addr)
	} else {
		err = c.session.Destroy(c.ctx(), c.addr, change.Versions...)
	}
	if err != nil {
		return answer{}, err
	}
	history, err := c.history()
	if errors.Is(err, myvault.ErrDenied) {
		return answer{status: http.StatusNoContent}, nil
	}
	if err != nil { // the change is made all the same
		return answer{}, fmt.Errorf("%w: %w", myvault.ErrUnknownOutcome, err)
	}
	return answer{body: history}, nil
}

// change reads the body. That no version is named never means all: it must be said.
func (b versionsBody) change(addr myvault.Address) (myvault.Change, error) {
	c := myvault.Change{Address: addr}
	for _, v := range b.Versions.items {
		if v == 0 {
			return c, unprocessable("versions are numbered from 1")
		}
		c.Versions = append(c.Versions, myvault.Version(v))
	}
	all := b.All != nil && *b.All
	switch {
	case b.Op == nil:
		return c, unprocessable("the member op is missing; it is undelete or destroy")
	case *b.Op == "undelete" && len(c.Versions) == 0 && !all:
		c.Op = myvault.OpUndelete
	case *b.Op == "undelete":
		return c, unprocessable("undelete takes no versions; it brings back the newest one")
	case *b.Op != "destroy":
		return c, unprocessable("the member op is unknown; it is undelete or destroy")
	case all == (len(c.Versions) > 0):
		return c, unprocessable(`destroy takes either the numbers of versions, or "all": true`)
	default:
		c.Op = myvault.OpDestroy
	}
	return c, nil
}
