package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/internal/request"
)

// version is an entry of a secret's history.
type version struct {
	Version   uint64 `json:"version"`
	State     string `json:"state"`
	UpdatedAt string `json:"updated_at"`
	UpdatedBy string `json:"updated_by"`
	times
}

func (c *call) listVersions() (response, error) {
	limit, err := c.limit()
	if err != nil {
		return response{}, err
	}
	before, err := c.before()
	if err != nil {
		return response{}, err
	}
	return c.history(before, limit)
}

// before returns the version before which a history continues, 0 for the newest.
func (c *call) before() (myvault.Version, error) {
	fields, err := c.cursor()
	if err != nil || fields == nil {
		return 0, err
	}
	// The cursor is sealed with the project of the route, but not with the path.
	if len(fields) == 2 && fields[0] == c.addr.Path {
		if before, err := strconv.ParseUint(fields[1], 10, 64); err == nil {
			return myvault.Version(before), nil
		}
	}
	return 0, badRequest("invalid cursor: it is of another history; start again without it")
}

// history answers a page of the versions older than before.
func (c *call) history(before myvault.Version, limit int) (response, error) {
	page, err := c.session.VersionsPage(c.ctx, c.addr, before, limit)
	if err != nil {
		return response{}, err
	}
	history := make([]version, len(page.Items))
	for i, info := range page.Items {
		history[i] = version{uint64(info.Version), info.State.String(), timestamp(info.At), info.By, timesOf(info)}
	}
	a := response{body: history}
	if page.More {
		a.link = c.next(c.addr.Path, strconv.FormatUint(uint64(page.Next), 10))
	}
	return a, nil
}

// versionsBody requests a change of the states of versions.
type versionsBody struct {
	Op       *string               `json:"op"`
	Versions request.Array[uint64] `json:"versions"`
	All      *bool                 `json:"all"`
}

// maxVersions is the largest number of versions in one body.
const maxVersions = 1000

// changeVersions changes the states of versions and answers with the newest page of the
// history, or with 204 if the caller may make the change but not list.
func (c *call) changeVersions() (response, error) {
	body := versionsBody{Versions: request.Array[uint64]{Max: maxVersions}}
	if err := c.decode(&body, "op (a string) and, to destroy, versions (numbers) or all (true)"); err != nil {
		return response{}, err
	}
	change, err := body.change(c.addr)
	if err != nil {
		return response{}, err
	}
	c.action = myvault.Destroy
	if err := c.enterLarge(); err != nil {
		return response{}, err
	}
	if change.Op == myvault.OpUndelete {
		c.action = myvault.Write
		_, err = c.session.Undelete(c.ctx, c.addr)
	} else {
		err = c.session.Destroy(c.ctx, c.addr, change.Versions...)
	}
	if err != nil {
		return response{}, err
	}
	a, err := c.history(0, maxPage)
	if errors.Is(err, myvault.ErrDenied) {
		return response{status: http.StatusNoContent}, nil
	}
	if err != nil { // the change was made nevertheless
		return response{}, fmt.Errorf("%w: %w", myvault.ErrUnknownOutcome, err)
	}
	return a, nil
}

// change returns the change that b requests. Destroying all versions must be explicit.
func (b versionsBody) change(addr myvault.Address) (myvault.Change, error) {
	c := myvault.Change{Address: addr}
	for _, v := range b.Versions.Items {
		if v == 0 {
			return c, unprocessable("versions are numbered from 1", "versions")
		}
		c.Versions = append(c.Versions, myvault.Version(v))
	}
	all := b.All != nil && *b.All
	switch {
	case b.Op == nil:
		return c, unprocessable("missing member op: use undelete or destroy", "op")
	case *b.Op == "undelete" && len(c.Versions) == 0 && !all:
		c.Op = myvault.OpUndelete
	case *b.Op == "undelete":
		return c, unprocessable("undelete takes no versions: it restores the newest one", "versions")
	case *b.Op != "destroy":
		return c, unprocessable("unknown op: use undelete or destroy", "op")
	case all == (len(c.Versions) > 0):
		return c, unprocessable(`destroy takes either version numbers or "all": true`, "versions")
	default:
		c.Op = myvault.OpDestroy
	}
	return c, nil
}
