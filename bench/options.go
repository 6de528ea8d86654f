package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/myswiftagent/myvault/bench/themes"
)

// options reads the command line, and gives the file to write to.
func options() (o themes.Options, out string, err error) {
	quick := flag.Bool("quick", false, "a minute or two: few rounds, short measurements, up to 10,000 secrets")
	sizes := flag.String("sizes", "1000,10000,100000,1000000", "`numbers` of secrets; beyond 100,000 only myVault's")
	rows := flag.String("rows", "", "`themes` to run, of "+strings.Join(themes.Names(), ",")+"; none: all")
	flag.IntVar(&o.Rounds, "rounds", 7, "how often each has its turn")
	flag.DurationVar(&o.Slice, "slice", 400*time.Millisecond, "how `long` one measurement takes")
	flag.StringVar(&o.Dir, "dir", "", "the `directory` below which the stores are made, on a disk; none: where temporary files go")
	flag.StringVar(&out, "out", "", "the Markdown `file` whose part between the markers is replaced; none: print it")
	flag.Parse()
	o.Command, o.Vault = command(), os.Getenv("MYVAULT_VAULT_BIN")
	if *quick {
		if err := shorten(); err != nil {
			return o, "", err
		}
	}
	if *rows != "" {
		o.Rows = strings.Split(*rows, ",")
	}
	o.Log = func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	self, err := os.Executable()
	if err != nil {
		return o, "", err
	}
	o.Program = []string{self, asChild}
	o.Sizes, err = numbers(*sizes)
	return o, out, err
}

// shorten sets what -quick stands for, unless it is given too.
func shorten() error {
	preset := map[string]string{"sizes": "1000,10000", "rounds": "3", "slice": "50ms"}
	flag.Visit(func(f *flag.Flag) { delete(preset, f.Name) })
	for name, value := range preset {
		if err := flag.Set(name, value); err != nil {
			return err
		}
	}
	return nil
}

// command gives what was typed, without the names of files.
func command() string {
	text := "go run ."
	flag.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "dir", "out":
		case "quick":
			text += " -quick"
		default:
			text += fmt.Sprintf(" -%s %s", f.Name, f.Value)
		}
	})
	return text
}

func numbers(list string) (all []int, err error) {
	for _, text := range strings.Split(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("-sizes: %w", err)
		}
		all = append(all, n)
	}
	return all, nil
}
