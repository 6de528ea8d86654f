package server

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

// flushTimeout limits how long the server waits at its end for a slow or blocked log.
const flushTimeout = time.Second

// output writes the logs and the messages of the server. Writing never blocks, even if the reader
// is slow or blocked.
type output struct {
	logger  *slog.Logger
	repeats *logs.Repeats // for records other than the API's
	stderr  *logs.Queue
	stdout  *logs.Queue // for people; unused if logs are JSON
	json    bool
}

// newOutput sends all logs to stderr, including those of libraries.
func newOutput(s settings) *output {
	note := func(dropped uint64) []byte {
		var line bytes.Buffer
		s.logger(&line).Error("log lines were dropped because they could not be written", "dropped", dropped)
		return line.Bytes()
	}
	o := &output{stderr: logs.NewQueue(os.Stderr, note), stdout: logs.NewQueue(os.Stdout, nil), json: s.LogFormat == asJSON}
	o.logger = s.logger(o.stderr)
	o.repeats = logs.NewRepeats(o.logger)
	log.SetFlags(0)
	log.SetOutput(o.repeats.Lines("libraries", false))
	return o
}

// console returns the writer for messages to people. It discards them if logs are JSON.
func (o *output) console() io.Writer {
	if o.json {
		return io.Discard
	}
	return o.stdout
}

// close flushes all output, for at most flushTimeout each.
func (o *output) close() {
	o.repeats.Flush()
	o.stdout.Close(flushTimeout)
	o.stderr.Close(flushTimeout)
}

// errReported is returned for an error that has already been logged.
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

// printError prints an error if there is no output yet.
func printError(err error) {
	stderr := logs.NewQueue(os.Stderr, nil)
	_, _ = io.WriteString(stderr, err.Error()+"\n")
	stderr.Close(flushTimeout)
}
