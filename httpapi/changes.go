package httpapi

import (
	"fmt"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/internal/request"
)

// changeBody is a change of a batch: a put, with the members of a new version and
// optionally if_absent or if_version; or a delete, optionally with if_version.
type changeBody struct {
	Op      *string `json:"op"`
	Project *string `json:"project"`
	Path    *string `json:"path"`
	newVersionBody
	IfAbsent  *bool   `json:"if_absent"`
	IfVersion *uint64 `json:"if_version"`
}

// manyChanges is the number of changes above which a response may be large.
const manyChanges = 50

// applyChanges makes all changes or none, and answers with the result of each.
func (c *call) applyChanges() (response, error) {
	var body struct {
		Changes request.Array[changeBody] `json:"changes"`
	}
	body.Changes.Max = myvault.MaxChanges
	if err := c.decode(&body, "changes (an array of objects with op, project, path, if_absent, if_version); "+newVersionMembers); err != nil {
		return response{}, err
	}
	if len(body.Changes.Items) == 0 {
		return response{}, unprocessable(fmt.Sprintf("invalid member changes: send 1 to %d", myvault.MaxChanges), "changes")
	}
	c.changes = make([]myvault.Change, len(body.Changes.Items))
	for i, b := range body.Changes.Items {
		var err error
		if c.changes[i], err = c.change(b); err != nil {
			return response{}, &myvault.ChangeError{Index: i, Err: err}
		}
	}
	if len(c.changes) > manyChanges {
		if err := c.enterLarge(); err != nil {
			return response{}, err
		}
	}
	infos, err := c.session.Apply(c.ctx, c.changes...)
	if err != nil {
		return response{}, err
	}
	items := make([]item, len(infos))
	for i, info := range infos {
		items[i] = itemOf(info)
	}
	return response{body: items}, nil
}

func (c *call) change(b changeBody) (change myvault.Change, err error) {
	if change.Address, err = readAddress(b.Project, b.Path); err != nil {
		return change, err
	}
	if change.If, err = b.condition(); err != nil {
		return change, err
	}
	switch {
	case b.Op == nil:
		err = unprocessable("missing member op: use put or delete", "op")
	case *b.Op == "put":
		change.Op = myvault.OpPut
		var v myvault.NewVersion
		v, err = c.newVersion(b.newVersionBody)
		change.Value, change.Generate, change.Expires, change.RotateAfter = v.Value, v.Generate, v.Expires, v.RotateAfter
	case *b.Op != "delete":
		err = unprocessable("unknown op: use put or delete", "op")
	case b.given() || b.IfAbsent != nil:
		err = unprocessable("a delete takes no value, generate, times or if_absent")
	default:
		change.Op = myvault.OpDelete
	}
	return change, err
}

func (b changeBody) condition() (condition myvault.Condition, err error) {
	absent := b.IfAbsent != nil && *b.IfAbsent
	switch {
	case absent && b.IfVersion != nil:
		return condition, unprocessable("if_absent and if_version exclude each other: send one", "if_version")
	case absent:
		return myvault.IfAbsent(), nil
	case b.IfVersion == nil:
		return condition, nil
	case *b.IfVersion == 0:
		return condition, unprocessable("versions are numbered from 1: use if_absent to create", "if_version")
	}
	return myvault.IfVersion(myvault.Version(*b.IfVersion)), nil
}
