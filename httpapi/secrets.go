package httpapi

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/myswiftagent/myvault"
)

// item is a secret without its value.
type item struct {
	ID        uint64 `json:"id"`
	Project   string `json:"project"`
	Path      string `json:"path"`
	Version   uint64 `json:"version"`
	State     string `json:"state,omitempty"` // if it is not live
	UpdatedAt string `json:"updated_at"`
	UpdatedBy string `json:"updated_by"`
	times
}

func itemOf(info myvault.Info) item {
	i := item{
		ID:        identifier(info.Project, info.Path),
		Project:   info.Project,
		Path:      info.Path,
		Version:   uint64(info.Version),
		UpdatedAt: timestamp(info.At),
		UpdatedBy: info.By,
		times:     timesOf(info),
	}
	if info.State != myvault.Live {
		i.State = info.State.String()
	}
	return i
}

func (c *call) listSecrets() (response, error) {
	r, err := c.secretRange()
	if err != nil {
		return response{}, err
	}
	limit, err := c.limit()
	if err != nil {
		return response{}, err
	}
	if r.After, err = c.after(); err != nil {
		return response{}, err
	}
	page, err := c.session.ListPage(c.ctx, r, limit)
	if err != nil {
		return response{}, err
	}
	items := make([]item, len(page.Items))
	for i, info := range page.Items {
		items[i] = itemOf(info)
	}
	return response{body: items, link: nextPage(c, page)}, nil
}

// secretRange reads the filters of a listing.
func (c *call) secretRange() (myvault.ListOptions, error) {
	r := myvault.ListOptions{Prefix: myvault.Prefix{Project: c.query.Get("project"), Path: c.query.Get("prefix")}}
	switch c.query.Get("deleted") {
	case "", "false":
	case "true":
		r.Deleted = true
	default:
		return r, badRequest("invalid query parameter deleted: use true or false")
	}
	var err error
	if r.ExpiresBefore, err = c.instant("expires_before"); err != nil {
		return r, err
	}
	r.RotateBefore, err = c.instant("rotate_before")
	return r, err
}

// readProject is the bulk read: every entry is on record before the first byte of the answer.
func (c *call) readProject() (response, error) {
	limit, err := c.limit()
	if err != nil {
		return response{}, err
	}
	r := myvault.ListOptions{Prefix: myvault.Prefix{Project: c.addr.Project, Path: c.query.Get("prefix")}}
	if r.After, err = c.after(); err != nil {
		return response{}, err
	}
	page, err := c.session.GetPage(c.ctx, r, limit)
	if err != nil {
		return response{}, err
	}
	all := make([]secret, len(page.Items))
	for i, s := range page.Items {
		all[i] = secretOf(s.Info, s.Value)
	}
	return response{body: all, link: nextPage(c, page)}, nil
}

func (c *call) getSecret() (response, error) {
	var version uint64
	if text := c.query.Get("version"); text != "" {
		var err error
		if version, err = strconv.ParseUint(text, 10, 63); err != nil || version == 0 {
			return response{}, badRequest("invalid query parameter version: use a number from 1")
		}
		// The search takes as many steps as there are newer versions.
		if err := c.enterLarge(); err != nil {
			return response{}, err
		}
	}
	s, err := c.session.GetVersion(c.ctx, c.addr, myvault.Version(version))
	if err != nil {
		return response{}, err
	}
	a := response{etag: c.etag(s.Version)}
	unmodified, err := c.precondition(s.Version)
	if err != nil {
		return response{}, err
	}
	if unmodified && !s.Expired(time.Now()) { // expiry does not change the tag
		a.status = http.StatusNotModified
		return a, nil
	}
	if s.Value.Len() > largeBody {
		if err := c.enterLarge(); err != nil {
			return response{}, err
		}
	}
	a.body = secretOf(s.Info, s.Value)
	return a, nil
}

func (c *call) createSecret() (response, error) {
	var body struct {
		Project *string `json:"project"`
		Path    *string `json:"path"`
		newVersionBody
	}
	if tags, given := c.tags["If-None-Match"]; given && tags != nil {
		return response{}, badRequest("this route supports no If-None-Match but *: it only creates")
	}
	if err := c.decode(&body, "project and path (strings); "+newVersionMembers); err != nil {
		return response{}, err
	}
	addr, err := readAddress(body.Project, body.Path)
	if err != nil {
		return response{}, err
	}
	version, err := c.newVersion(body.newVersionBody)
	if err != nil {
		return response{}, err
	}
	info, err := c.session.PutVersion(c.ctx, addr, version, myvault.IfAbsent())
	if err != nil {
		return response{}, err
	}
	return response{
		status:   http.StatusCreated,
		body:     written(info, version),
		etag:     c.etag(info.Version),
		location: "/api/secrets/" + escapePath(addr.String()),
	}, nil
}

// readAddress returns the address of the members "project" and "path" of a body.
func readAddress(project, path *string) (myvault.Address, error) {
	if project == nil || path == nil {
		return myvault.Address{}, unprocessable("missing member: the strings project and path are required", missing(project, "project", "path"))
	}
	addr := myvault.Address{Project: *project, Path: *path}
	return addr, addr.Validate()
}

// missing returns first if value is nil, else second.
func missing(value *string, first, second string) string {
	if value == nil {
		return first
	}
	return second
}

// escapePath escapes each segment of a path for use in a URL.
func escapePath(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		segments[i] = url.PathEscape(segment)
	}
	return strings.Join(segments, "/")
}

func (c *call) updateSecret() (response, error) {
	condition, given, err := c.expected()
	if err != nil {
		return response{}, err
	}
	var body newVersionBody
	if err := c.decode(&body, newVersionMembers); err != nil {
		return response{}, err
	}
	version, err := c.newVersion(body)
	if err != nil {
		return response{}, err
	}
	info, err := c.session.PutVersion(c.ctx, c.addr, version, condition)
	if err != nil {
		return response{}, afterCondition(err, given)
	}
	return response{body: written(info, version), etag: c.etag(info.Version)}, nil
}

func (c *call) deleteSecret() (response, error) {
	condition, given, err := c.expected()
	if err != nil {
		return response{}, err
	}
	if err := c.session.Delete(c.ctx, c.addr, condition); err != nil {
		return response{}, afterCondition(err, given)
	}
	return response{status: http.StatusNoContent}, nil
}

// secret is a secret with its value.
type secret struct {
	ID        uint64   `json:"id"`
	Project   string   `json:"project"`
	Path      string   `json:"path"`
	Value     revealed `json:"value"`
	Encoding  string   `json:"encoding,omitempty"`
	Version   uint64   `json:"version"`
	UpdatedAt string   `json:"updated_at"`
	UpdatedBy string   `json:"updated_by"`
	times
}

func secretOf(info myvault.Info, value myvault.Value) secret {
	s := secret{
		ID:        identifier(info.Project, info.Path),
		Project:   info.Project,
		Path:      info.Path,
		Value:     revealed{Value: value},
		Version:   uint64(info.Version),
		UpdatedAt: timestamp(info.At),
		UpdatedBy: info.By,
		times:     timesOf(info),
	}
	raw := value.RevealBytes()
	defer clear(raw)
	if !plain(raw) {
		s.Encoding, s.Value.base64 = base64Encoding, true
	}
	return s
}

// revealed is a value that is written as a JSON string.
type revealed struct {
	myvault.Value
	base64 bool // write it in base64
}

var _ json.MarshalerTo = revealed{}

// MarshalJSONTo writes the value, and clears the copies that it makes.
func (v revealed) MarshalJSONTo(to *jsontext.Encoder) (err error) {
	raw := v.RevealBytes()
	defer clear(raw)
	text := to.AvailableBuffer()
	if v.base64 {
		text = append(base64.StdEncoding.AppendEncode(append(text, '"'), raw), '"')
	} else if text, err = jsontext.AppendQuote(text, raw); err != nil {
		return err
	}
	defer clear(text)
	return to.WriteValue(text)
}
