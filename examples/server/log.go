package main

import (
	"bytes"
	"errors"
	"io"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/myswiftagent/myvault/internal/logs"
)

// flushTimeout is how long the end of the server waits for a log that is slow or stuck.
const flushTimeout = time.Second

// output is everything that the server writes to its terminal or collector. Writing never blocks,
// even if the reader is slow or stuck.
type output struct {
	logger  *slog.Logger
	repeats *logs.Repeats // for records other than those of the API
	stderr  *logs.Queue
	stdout  *logs.Queue // for people; nothing is written to it where logs are JSON
	json    bool
}

// newOutput directs the logs, those of libraries too, to stderr.
func newOutput(s settings) *output {
	note := func(dropped uint64) []byte {
		var line bytes.Buffer
		s.logger(&line).Error("log lines were dropped, as they could not be written", "dropped", dropped)
		return line.Bytes()
	}
	o := &output{stderr: logs.NewQueue(os.Stderr, note), stdout: logs.NewQueue(os.Stdout, nil), json: s.LogFormat == asJSON}
	o.logger = s.logger(o.stderr)
	o.repeats = logs.NewRepeats(o.logger)
	log.SetFlags(0)
	log.SetOutput(o.repeats.Lines("libraries", false))
	return o
}

// people returns where to write what is for people, not for collectors of logs.
func (o *output) people() io.Writer {
	if o.json {
		return io.Discard
	}
	return o.stdout
}

// close writes what waits, within the time for it.
func (o *output) close() {
	o.repeats.Flush()
	o.stdout.Close(flushTimeout)
	o.stderr.Close(flushTimeout)
}

// errReported is an error that is in the log already.
var errReported = errors.New("the server ended with an error")

// end logs how the server ended, and closes the output.
func (o *output) end(err error) error {
	defer o.close()
	switch {
	case err == nil:
		o.logger.Info("stopped")
		return nil
	case o.json:
		o.logger.Error("stopped", "cause", oneLine(err))
	default:
		_, _ = io.WriteString(o.stderr, err.Error()+"\n")
	}
	return errReported
}

// complain prints an error before there is an output.
func complain(err error) {
	stderr := logs.NewQueue(os.Stderr, nil)
	_, _ = io.WriteString(stderr, err.Error()+"\n")
	stderr.Close(flushTimeout)
}
