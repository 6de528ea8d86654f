package client

import (
	"bufio"
	"io"
	"strings"

	"github.com/myswiftagent/myvault"
)

// maxEvent is the size of the longest line of a stream and of the longest data, in bytes: a commit
// of 1,000 changes.
const maxEvent = 4 << 20

// eventReader reads server-sent events
// (html.spec.whatwg.org/multipage/server-sent-events.html).
type eventReader struct {
	lines *bufio.Scanner
	heard func() // called after each line
}

func newEventReader(from io.Reader, heard func()) *eventReader {
	r := &eventReader{lines: bufio.NewScanner(from), heard: heard}
	r.lines.Buffer(nil, maxEvent)
	return r
}

// eventItem is the data of a change.
type eventItem struct {
	At      string `json:"at"`
	By      string `json:"by"`
	Changes []item `json:"changes"`
}

// next returns the next event. The error is a *refusal if the server ends the stream with a
// problem, errMalformed, or that of the connection.
func (r *eventReader) next() (myvault.Event, error) {
	var kind, id, data string
	for r.lines.Scan() {
		r.heard()
		name, value, _ := strings.Cut(r.lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			id = value
		case "event":
			kind = value
		case "data":
			if data += value; len(data) > maxEvent {
				return myvault.Event{}, errMalformed
			}
		case "":
			if kind != "" && r.lines.Text() == "" {
				return eventOf(kind, id, data)
			}
		}
	}
	if err := r.lines.Err(); err == bufio.ErrTooLong {
		return myvault.Event{}, errMalformed
	} else if err != nil {
		return myvault.Event{}, err
	}
	return myvault.Event{}, io.ErrUnexpectedEOF
}

// eventOf returns the event of a kind.
func eventOf(kind, id, data string) (myvault.Event, error) {
	e := myvault.Event{Position: myvault.Position(id)}
	switch kind {
	case "bookmark":
		return e, nil
	case "change":
		return e, readChange(&e, data)
	case "problem":
		var p problem
		if decode([]byte(data), &p) == nil && kinds[p.Code] != nil {
			return e, &refusal{kind: kinds[p.Code], text: kinds[p.Code].Error()}
		}
	}
	return e, errMalformed
}

// readChange reads the data of a change into e.
func readChange(e *myvault.Event, data string) (err error) {
	var sent eventItem
	if decode([]byte(data), &sent) != nil || len(sent.Changes) == 0 || e.Position == "" {
		return errMalformed
	}
	e.By = sent.By
	if e.At, err = parseTime(sent.At); err != nil {
		return err
	}
	for _, c := range sent.Changes {
		info, err := c.info()
		if err != nil {
			return err
		}
		e.Changes = append(e.Changes, myvault.VersionChange{Address: info.Address, Version: info.Version, State: info.State})
	}
	return nil
}
