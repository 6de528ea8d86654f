package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// talk executes commands, one on each line of standard input: get, put, delete, undelete or
// destroy, an address, and the value to put.
func talk(s *sqlite.Store) error {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		f := strings.Fields(lines.Text())
		fmt.Println(answer(s, f[0], f[1], f[2]))
	}
	return nil
}

func answer(s *sqlite.Store, what, where, value string) string {
	ops := map[string]myvault.Op{"delete": myvault.OpDelete, "undelete": myvault.OpUndelete, "destroy": myvault.OpDestroy}
	var err error
	switch what {
	case "get":
		secret, err := s.Get(context.Background(), Addr(where), 0)
		if errors.Is(err, myvault.ErrNotFound) {
			return "nothing"
		}
		if err != nil {
			return err.Error()
		}
		return secret.Value.Reveal()
	case "put":
		_, err = Apply(s, Put(where, value))
	default:
		_, err = Apply(s, On(ops[what], where))
	}
	if err != nil {
		return err.Error()
	}
	return "done"
}

// writeForever writes and records from several goroutines, and prints each acknowledgement.
func writeForever(s *sqlite.Store) error {
	var out sync.Mutex
	say := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Printf(format, args...)
	}
	for n := range 6 {
		where := fmt.Sprintf("p/writer%d", n)
		go func() {
			for {
				infos, err := Apply(s, Put(where, strings.Repeat(where, 50)))
				if err != nil {
					say("error %v\n", err)
					return
				}
				say("put %s %d\n", where, infos[0].Version)
				if err := s.Record(context.Background(), myvault.Entry{Action: "read", Address: Addr(where)}); err != nil {
					say("error %v\n", err)
					return
				}
				say("record\n")
			}
		}()
	}
	select {}
}
